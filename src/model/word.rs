//! Gives enums one word for each variant: in JSON, text, metrics, configuration and the state file.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, Unexpected, Visitor};
use strum::VariantArray;

/// An enum with one word for each variant. `strum` derives it from the name, so it stands nowhere
/// else.
pub trait Word: Copy + Into<&'static str> + VariantArray {
    /// Returns the word.
    #[must_use]
    fn word(self) -> &'static str {
        self.into()
    }

    /// Returns the variant with this word, if there is one.
    #[must_use]
    fn from_word(word: &str) -> Option<Self> {
        Self::VARIANTS.iter().copied().find(|variant| variant.word() == word)
    }

    /// Returns all words, in the order of the variants.
    #[must_use]
    fn words() -> Vec<&'static str> {
        Self::VARIANTS.iter().map(|variant| variant.word()).collect()
    }
}

impl<T: Copy + Into<&'static str> + VariantArray> Word for T {}

/// Implements serde's traits with the words of enums.
macro_rules! serde_with_words {
    ($($name:ty),+ $(,)?) => {$(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str($crate::model::Word::word(*self))
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::model::deserialize_word(deserializer)
            }
        }
    )+};
}

pub(crate) use serde_with_words;

/// Reads a variant by its word.
pub(crate) fn deserialize_word<'de, T: Word, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    deserializer.deserialize_str(OneOf(PhantomData))
}

struct OneOf<T>(PhantomData<T>);

impl<T: Word> Visitor<'_> for OneOf<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of {}", T::words().join(", "))
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<T, E> {
        T::from_word(word).ok_or_else(|| E::invalid_value(Unexpected::Str(word), &self))
    }
}

#[cfg(test)]
mod tests {
    use strum::{IntoStaticStr, VariantArray};

    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
    #[strum(serialize_all = "snake_case")]
    enum Colour {
        Red,
        DarkGreen,
    }

    serde_with_words!(Colour);

    #[test]
    fn each_variant_is_one_word_in_both_directions() {
        assert_eq!(Colour::words(), ["red", "dark_green"]);
        for colour in Colour::VARIANTS {
            assert_eq!(Colour::from_word(colour.word()), Some(*colour));
            assert_eq!(serde_json::to_value(colour).expect("JSON"), colour.word());
            assert_eq!(
                serde_json::from_value::<Colour>(colour.word().into()).expect("a colour"),
                *colour
            );
        }
    }

    #[test]
    fn unknown_word_is_an_error_that_lists_the_known_ones() {
        let error = serde_json::from_str::<Colour>("\"Red\"").expect_err("no colour").to_string();
        assert!(
            error.starts_with("invalid value: string \"Red\", expected one of red, dark_green"),
            "{error}"
        );
        assert_eq!(Colour::from_word(""), None);
    }
}
