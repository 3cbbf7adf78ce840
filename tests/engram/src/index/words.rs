//! The index in RAM: from each word to the memories that contain it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// An inverted index. Words are what white space separates, in lower case.
#[derive(Debug, Default)]
pub(crate) struct WordIndex {
    /// By number. A number is used again when its memory is gone.
    documents: Vec<Option<Document>>,
    free: Vec<u32>,
    numbers: HashMap<Arc<str>, u32>,
    by_lower_id: HashMap<String, BTreeSet<u32>>,
    words: BTreeMap<Arc<str>, BTreeSet<u32>>,
}

/// A memory, as far as the index knows it.
#[derive(Debug)]
struct Document {
    id: Arc<str>,
    /// Tells whether the content is still the one that was indexed.
    fingerprint: u64,
    words: Vec<Arc<str>>,
}

impl WordIndex {
    /// How many memories it knows.
    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Takes up a memory, or its new content. False if it knew both already.
    pub(crate) fn put(&mut self, id: &str, content: &str) -> bool {
        let fingerprint = fingerprint(content);
        if self
            .document(id)
            .is_some_and(|known| known.fingerprint == fingerprint)
        {
            return false;
        }
        let number = self.add(id, fingerprint);
        let lower = content.to_lowercase();
        for word in lower.split_whitespace().collect::<BTreeSet<_>>() {
            self.connect(word, number);
        }
        true
    }

    /// Forgets the memories whose ids do not pass. Returns how many.
    pub(crate) fn retain(&mut self, keep: impl Fn(&str) -> bool) -> usize {
        let gone: Vec<Arc<str>> = self
            .numbers
            .keys()
            .filter(|id| !keep(id))
            .map(Arc::clone)
            .collect();
        for id in &gone {
            self.remove(id);
        }
        gone.len()
    }

    /// The ids of the memories that contain all words of a cue, each within a word or as the whole id.
    ///
    /// `None` if the cue holds no word: then every memory fits.
    pub(crate) fn find(&self, cue: &str) -> Option<Vec<Arc<str>>> {
        let cue = cue.to_lowercase();
        let mut found: Option<BTreeSet<u32>> = None;
        for word in cue.split_whitespace() {
            let with_word = self.containing(word);
            found = Some(match found {
                None => with_word,
                Some(before) => before.intersection(&with_word).copied().collect(),
            });
        }
        let ids = found?
            .into_iter()
            .filter_map(|number| self.documents.get(number as usize)?.as_ref())
            .map(|document| Arc::clone(&document.id))
            .collect();
        Some(ids)
    }

    fn containing(&self, part: &str) -> BTreeSet<u32> {
        let mut numbers: BTreeSet<u32> = self
            .words
            .iter()
            .filter(|(word, _)| word.contains(part))
            .flat_map(|(_, numbers)| numbers.iter().copied())
            .collect();
        numbers.extend(self.by_lower_id.get(part).into_iter().flatten());
        numbers
    }

    /// Every memory: its number, its id and its fingerprint.
    pub(super) fn documents(&self) -> impl Iterator<Item = (u32, &str, u64)> {
        (0..)
            .zip(&self.documents)
            .filter_map(|(number, document)| Some((number, document.as_ref()?)))
            .map(|(number, document)| (number, &*document.id, document.fingerprint))
    }

    /// Every word with the numbers of its memories.
    pub(super) fn words(&self) -> impl ExactSizeIterator<Item = (&str, &BTreeSet<u32>)> {
        self.words.iter().map(|(word, numbers)| (&**word, numbers))
    }

    /// Adds a memory without words, in place of one with its id. Returns its number.
    pub(super) fn add(&mut self, id: &str, fingerprint: u64) -> u32 {
        self.remove(id);
        let id: Arc<str> = id.into();
        let document = Document {
            id: Arc::clone(&id),
            fingerprint,
            words: Vec::new(),
        };
        let number = self.free.pop().unwrap_or_else(|| {
            self.documents.push(None);
            u32::try_from(self.documents.len() - 1).unwrap_or(u32::MAX)
        });
        self.documents[number as usize] = Some(document);
        let lower = id.to_lowercase();
        self.by_lower_id.entry(lower).or_default().insert(number);
        self.numbers.insert(id, number);
        number
    }

    /// Says that a memory contains a word. Nothing happens if there is no memory with the number.
    pub(super) fn connect(&mut self, word: &str, number: u32) {
        let Some(Some(document)) = self.documents.get_mut(number as usize) else {
            return;
        };
        let word = match self.words.get_key_value(word) {
            Some((known, _)) => Arc::clone(known),
            None => word.into(),
        };
        document.words.push(Arc::clone(&word));
        self.words.entry(word).or_default().insert(number);
    }

    fn document(&self, id: &str) -> Option<&Document> {
        self.documents[*self.numbers.get(id)? as usize].as_ref()
    }

    fn remove(&mut self, id: &str) {
        let Some(number) = self.numbers.remove(id) else {
            return;
        };
        forget(&mut self.by_lower_id, &id.to_lowercase(), number);
        let document = self.documents[number as usize].take();
        for word in document.into_iter().flat_map(|document| document.words) {
            if let Some(numbers) = self.words.get_mut(&word) {
                numbers.remove(&number);
                if numbers.is_empty() {
                    self.words.remove(&word);
                }
            }
        }
        self.free.push(number);
    }
}

fn forget(by_key: &mut HashMap<String, BTreeSet<u32>>, key: &str, number: u32) {
    if let Some(numbers) = by_key.get_mut(key) {
        numbers.remove(&number);
        if numbers.is_empty() {
            by_key.remove(key);
        }
    }
}

/// Length and checksum of a content.
fn fingerprint(content: &str) -> u64 {
    let length = content.len() as u64 & u64::from(u32::MAX);
    length << 32 | u64::from(crc32c::crc32c(content.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(index: &WordIndex, cue: &str) -> Vec<String> {
        let ids = index.find(cue).unwrap_or_default();
        ids.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn parts_of_words_and_whole_ids_are_found_in_any_case() {
        let mut index = WordIndex::default();
        index.put("a", "The Migration starts");
        index.put("B7", "nothing else");
        assert_eq!(found(&index, "migra"), ["a"]);
        assert_eq!(found(&index, "STARTS the"), ["a"]);
        assert_eq!(found(&index, "b7 nothing"), ["B7"]);
        assert_eq!(found(&index, "migration nothing"), Vec::<String>::new());
        assert!(index.find("  ").is_none());
    }

    #[test]
    fn new_content_replaces_the_words_of_the_old_one() {
        let mut index = WordIndex::default();
        assert!(index.put("a", "red green"));
        assert!(!index.put("a", "red green"));
        assert!(index.put("a", "green blue"));
        assert_eq!(found(&index, "red"), Vec::<String>::new());
        assert_eq!(found(&index, "blue green"), ["a"]);
        assert_eq!(index.retain(|id| id != "a"), 1);
        assert_eq!((index.len(), index.words().len()), (0, 0));
        index.put("b", "red");
        assert_eq!(found(&index, "red"), ["b"]);
    }
}
