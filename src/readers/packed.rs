//! Packs millions of IDs, 17 bytes each, while lists of them are read.

use super::rows::Rows;
use crate::model::{KeycloakId, MasUserId};

/// An ID. Two of the same [`Texts`] are equal if the IDs are, and have an order of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Packed {
    /// The bytes that the text encodes.
    Bytes([u8; 16]),
    /// The place of its text; as bytes, which need no alignment.
    Text([u8; 4]),
}

/// The texts of IDs that do not encode 16 bytes.
#[derive(Debug)]
pub(super) struct Texts(Rows<Box<str>, Key>);

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

impl Default for Texts {
    fn default() -> Self {
        Self(Rows::new(|text| text))
    }
}

impl Texts {
    /// Packs an ID.
    pub(super) fn pack<I: Pack>(&mut self, id: I) -> Packed {
        id.bytes().map_or_else(|| Packed::Text(self.0.put(id.into()).to_ne_bytes()), Packed::Bytes)
    }

    /// Returns the packed ID, if it was packed before.
    pub(super) fn find<I: Pack + Clone>(&self, id: &I) -> Option<Packed> {
        let text = || Some(Packed::Text(self.0.place(&id.clone().into())?.to_ne_bytes()));
        id.bytes().map(Packed::Bytes).or_else(text)
    }

    /// Returns the original ID.
    pub(super) fn unpack<I: Pack>(&self, packed: Packed) -> I {
        match packed {
            Packed::Bytes(bytes) => bytes.into(),
            Packed::Text(place) => self.0[u32::from_ne_bytes(place)].clone().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_out_as_they_were_packed() {
        let mut texts = Texts::default();
        let ids = ["01J44QC8BCY7FCFM7WGHQGKMTJ", "bob", "01j44qc8bcy7fcfm7wghqgkmtj", "", "bob"].map(MasUserId::from);
        let packed = ids.each_ref().map(|id| texts.pack(id.clone()));
        assert_eq!(packed.map(|packed| texts.unpack::<MasUserId>(packed)), ids);
        assert_eq!(ids.each_ref().map(|id| texts.find(id)), packed.map(Some));
        assert_eq!((packed[1] == packed[4], texts.find(&MasUserId::from("carol"))), (true, None));
    }

    #[test]
    fn packed_ids_take_17_bytes() {
        assert_eq!(size_of::<Packed>(), 17);
    }
}
