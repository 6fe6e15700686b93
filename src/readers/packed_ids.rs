//! Packs millions of IDs, 17 bytes each, while lists of them are read.

use super::unique_rows::UniqueRows;
use crate::model::{KeycloakId, MasUserId};

/// An ID. Two of the same [`IdTexts`] are equal if the IDs are, and have an order of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PackedId {
    /// The bytes that the text encodes.
    Bytes([u8; 16]),
    /// The place of its text; as bytes, which need no alignment.
    Text([u8; 4]),
}

/// The texts of IDs that do not encode 16 bytes.
#[derive(Debug)]
pub(super) struct IdTexts(UniqueRows<Box<str>, Key>);

type Key = fn(&Box<str>) -> &str;

/// An ID that can be packed.
pub(super) trait Pack: From<[u8; 16]> + From<Box<str>> + Into<Box<str>> {
    /// Returns the 16 bytes that it encodes, if any.
    fn bytes(&self) -> Option<[u8; 16]>;
}

impl Pack for KeycloakId {
    fn bytes(&self) -> Option<[u8; 16]> {
        Self::bytes(self)
    }
}

impl Pack for MasUserId {
    fn bytes(&self) -> Option<[u8; 16]> {
        Self::bytes(self)
    }
}

impl Default for IdTexts {
    fn default() -> Self {
        Self(UniqueRows::new(|text| text))
    }
}

impl IdTexts {
    /// Packs an ID.
    pub(super) fn pack<I: Pack>(&mut self, id: I) -> PackedId {
        id.bytes()
            .map_or_else(|| PackedId::Text(self.0.put(id.into()).to_ne_bytes()), PackedId::Bytes)
    }

    /// Returns the packed ID, if it was packed before.
    pub(super) fn find<I: Pack + Clone>(&self, id: &I) -> Option<PackedId> {
        let text = || Some(PackedId::Text(self.0.place(&id.clone().into())?.to_ne_bytes()));
        id.bytes().map(PackedId::Bytes).or_else(text)
    }

    /// Returns the original ID.
    pub(super) fn unpack<I: Pack>(&self, packed: PackedId) -> I {
        match packed {
            PackedId::Bytes(bytes) => bytes.into(),
            PackedId::Text(place) => self.0[u32::from_ne_bytes(place)].clone().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_out_as_they_were_packed() {
        let mut texts = IdTexts::default();
        let ids = ["01J44QC8BCY7FCFM7WGHQGKMTJ", "bob", "01j44qc8bcy7fcfm7wghqgkmtj", "", "bob"]
            .map(MasUserId::from);
        let packed = ids.each_ref().map(|id| texts.pack(id.clone()));
        assert_eq!(packed.map(|packed| texts.unpack::<MasUserId>(packed)), ids);
        assert_eq!(ids.each_ref().map(|id| texts.find(id)), packed.map(Some));
        assert_eq!((packed[1] == packed[4], texts.find(&MasUserId::from("carol"))), (true, None));
    }

    #[test]
    fn packed_ids_take_17_bytes_and_usual_ones_no_text() {
        assert_eq!(size_of::<PackedId>(), 17);
        let mut texts = IdTexts::default();
        texts.pack(KeycloakId::from("0b6f1d2c-7c5e-4a55-9d57-3f1f8b0e9a11"));
        texts.pack(MasUserId::from("01J44QC8BCY7FCFM7WGHQGKMTJ"));
        assert!(texts.0.is_empty());
    }
}
