//! A list of texts from the configuration, of which some entries may be wrong.

/// The entries of a list that are texts. The others have been noted as problems.
#[derive(Debug, Default)]
pub(super) struct TextList {
    /// Each with its place in the list, from 0.
    entries: Vec<(usize, String)>,
    is_whole: bool,
}

impl TextList {
    /// Creates it from what every entry is, if that is a text.
    pub(super) fn new(entries: impl IntoIterator<Item = Option<String>>) -> Self {
        let mut list = Self { entries: Vec::new(), is_whole: true };
        for (at, entry) in entries.into_iter().enumerate() {
            match entry {
                Some(text) => list.entries.push((at, text)),
                None => list.is_whole = false,
            }
        }
        list
    }

    /// Returns the texts with their places, to find what else is wrong.
    pub(super) fn entries(&self) -> &[(usize, String)] {
        &self.entries
    }

    /// Returns the texts, if every entry is one.
    pub(super) fn whole(self) -> Option<Vec<String>> {
        self.is_whole.then(|| self.entries.into_iter().map(|(_, text)| text).collect())
    }
}
