//! The index of one space: loaded, caught up, used, saved and rebuilt, and what to do when it cannot be used.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::Settings;
use super::file::{self, Checks, IndexDamage};
use super::words::WordIndex;
use crate::memory::Memory;
use crate::space::{SpaceId, TierError};

/// Memories that are read at once when an index is built or compared.
const PAGE: usize = 64;

/// Some of the memories of a space.
type Page = Result<Vec<Arc<Memory>>, TierError>;

/// The word index of a space, and its file.
#[derive(Debug)]
pub(crate) struct SpaceIndex {
    space: SpaceId,
    path: PathBuf,
    settings: Settings,
    state: RwLock<State>,
    /// Held while the file is written.
    writing: Mutex<()>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct State {
    /// Searches use it, unless it is being rebuilt.
    usable: Option<Usable>,
    /// Why there is none, or what is wrong with its file.
    fault: Option<Fault>,
    /// Ids and contents that were stored since the rebuild began; `None` if there is no rebuild.
    rebuilding: Option<Vec<(String, String)>>,
}

#[derive(Debug)]
struct Usable {
    words: WordIndex,
    /// Built here, or proved by a checksum.
    verified: bool,
    /// The file does not have all of it yet.
    changed: bool,
}

#[derive(Debug)]
struct Fault {
    status: Status,
    reason: String,
}

#[derive(Debug, Default)]
struct Counts {
    by_index: AtomicU64,
    linear: AtomicU64,
    rebuilds: AtomicU64,
    failed_rebuilds: AtomicU64,
}

/// What is known about an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Searches use it.
    Healthy,
    /// Its file is damaged.
    Corrupted,
    /// It has no file, although there are memories.
    Missing,
    /// Its file cannot be read.
    Unreadable,
    /// It is being built anew.
    Rebuilding,
}

impl Status {
    /// As answers name it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Corrupted => "corrupted",
            Self::Missing => "missing",
            Self::Unreadable => "unreadable",
            Self::Rebuilding => "rebuilding",
        }
    }
}

/// An index as the health of the system shows it.
#[derive(Debug)]
pub(crate) struct Report {
    /// What is known.
    pub(crate) status: Status,
    /// Memories in it; 0 if it cannot be used.
    pub(crate) entries: usize,
    /// Built here, or proved by a checksum.
    pub(crate) verified: bool,
    /// What is wrong, if anything is.
    pub(crate) reason: Option<String>,
    /// Searches that used it, and searches that read all memories.
    pub(crate) queries: [(&'static str, u64); 2],
    /// Rebuilds that succeeded, and that failed.
    pub(crate) rebuilds: [(&'static str, u64); 2],
}

impl SpaceIndex {
    /// The index of a space that has its directory at `root`. Nothing is read yet.
    pub(crate) fn new(space: &SpaceId, root: &Path, settings: Settings) -> Self {
        Self {
            space: space.clone(),
            path: root.join("indices/words.idx"),
            settings,
            state: RwLock::default(),
            writing: Mutex::default(),
            counts: Counts::default(),
        }
    }

    /// Reads the file, and brings it up to date with the memories: `page` gives those from an offset on.
    ///
    /// If that fails, searches read all memories until the index is rebuilt. Only a space without any memory gets a
    /// file where there is none.
    pub(crate) fn load(&self, page: impl Fn(usize, usize) -> Page) {
        let read = page(0, 1)
            .map_err(Fault::from)
            .and_then(|first| self.read(first.is_empty()))
            .and_then(|usable| Ok(self.catch_up(usable, &page)?));
        match read {
            Ok(usable) => {
                self.write_state().usable = Some(usable);
                self.save();
            }
            Err(fault) => {
                self.report_fault(&fault.reason);
                self.write_state().fault = Some(fault);
                if self.settings.auto_rebuild_on_corruption && self.begin_rebuild() {
                    self.rebuild(page);
                }
            }
        }
    }

    /// Takes up a memory that was stored.
    pub(crate) fn put(&self, id: &str, content: &str) {
        let mut state = self.write_state();
        if let Some(usable) = &mut state.usable {
            usable.changed |= usable.words.put(id, content);
        }
        if let Some(since) = &mut state.rebuilding {
            since.push((id.to_owned(), content.to_owned()));
        }
    }

    /// The ids of memories that may match a cue, in no order; `None` if all memories must be looked at.
    pub(crate) fn candidates(&self, cue: &str) -> Option<Vec<Arc<str>>> {
        let state = self.read_state();
        let usable = state.usable.as_ref();
        let found = usable
            .filter(|_| state.rebuilding.is_none())
            .and_then(|usable| usable.words.find(cue));
        let count = if found.is_some() {
            &self.counts.by_index
        } else {
            &self.counts.linear
        };
        count.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// Writes the file if it lacks something.
    pub(crate) fn save(&self) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut self.write_state().usable {
            // What comes from here on marks it as changed again.
            Some(usable) if usable.changed => usable.changed = false,
            _ => return,
        }
        let bytes = match &self.read_state().usable {
            Some(usable) => self.encode(usable),
            None => return,
        };
        let written = file::write(&self.path, &bytes);
        let mut state = self.write_state();
        let Err(error) = written else {
            state.fault = None;
            return;
        };
        if let Some(usable) = &mut state.usable {
            usable.changed = true;
        }
        // Tried again every few seconds: one line is enough.
        if state.fault.is_none() {
            let reason = format!("the file cannot be written: {error}");
            tracing::warn!(target: "engram_core::index", space = %self.space, path = %self.path.display(), "Index not saved: {error}");
            state.fault = Some(Fault {
                status: Status::Unreadable,
                reason,
            });
        }
    }

    /// Marks the index as being rebuilt, so that searches read all memories. False if it is so already.
    pub(crate) fn begin_rebuild(&self) -> bool {
        let mut state = self.write_state();
        if state.rebuilding.is_some() {
            return false;
        }
        state.rebuilding = Some(Vec::new());
        true
    }

    /// Builds the index from all memories and writes its file. To be called after `begin_rebuild`.
    pub(crate) fn rebuild(&self, page: impl Fn(usize, usize) -> Page) {
        let mut usable = Usable {
            words: WordIndex::default(),
            verified: true,
            changed: false,
        };
        let built = for_each(&page, |memory| {
            usable.words.put(&memory.id, &memory.content);
        });
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let written = built.map_err(|error| error.to_string()).and_then(|()| {
            file::write(&self.path, &self.encode(&usable))
                .map_err(|error| format!("the rebuilt file cannot be written: {error}"))
        });
        let mut state = self.write_state();
        drop(writing);
        let since = state.rebuilding.take().unwrap_or_default();
        if let Err(reason) = written {
            self.report_fault(&reason);
            let status = state
                .fault
                .as_ref()
                .map_or(Status::Unreadable, |fault| fault.status);
            state.fault = Some(Fault { status, reason });
            self.counts.failed_rebuilds.fetch_add(1, Ordering::Relaxed);
            return;
        }
        for (id, content) in since {
            usable.changed |= usable.words.put(&id, &content);
        }
        tracing::info!(target: "engram_core::index", space = %self.space, path = %self.path.display(), entries = usable.words.len(), "Index rebuilt");
        state.usable = Some(usable);
        state.fault = None;
        self.counts.rebuilds.fetch_add(1, Ordering::Relaxed);
    }

    /// What is known about it now.
    pub(crate) fn report(&self) -> Report {
        let state = self.read_state();
        let usable = state.usable.as_ref();
        let fault = state.fault.as_ref();
        let status = match (&state.rebuilding, usable, fault) {
            (Some(_), ..) => Status::Rebuilding,
            (None, Some(_), _) => Status::Healthy,
            (None, None, fault) => fault.map_or(Status::Missing, |fault| fault.status),
        };
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let counts = &self.counts;
        Report {
            status,
            entries: usable.map_or(0, |usable| usable.words.len()),
            verified: usable.is_some_and(|usable| usable.verified),
            reason: fault.map(|fault| fault.reason.clone()),
            queries: [
                ("index", count(&counts.by_index)),
                ("linear", count(&counts.linear)),
            ],
            rebuilds: [
                ("ok", count(&counts.rebuilds)),
                ("failed", count(&counts.failed_rebuilds)),
            ],
        }
    }

    /// The index as the file has it, or an empty one if there need not be a file yet.
    fn read(&self, no_memories: bool) -> Result<Usable, Fault> {
        let bytes = match file::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && no_memories => {
                return Ok(Usable {
                    words: WordIndex::default(),
                    verified: true,
                    changed: true,
                });
            }
            read => read.map_err(IndexDamage::from),
        };
        let checks = Checks {
            verify: self.settings.verify_on_load,
            require: self.settings.enable_checksums,
        };
        let decoded = bytes.and_then(|bytes| file::decode(&bytes, checks));
        decoded
            .map(|(words, verified)| Usable {
                words,
                verified,
                changed: false,
            })
            .map_err(|damage| Fault {
                status: match &damage {
                    IndexDamage::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                        Status::Missing
                    }
                    IndexDamage::Io(_) => Status::Unreadable,
                    _ => Status::Corrupted,
                },
                reason: damage.to_string(),
            })
    }

    /// The memories that were stored after the file was saved, and those that are gone.
    fn catch_up(
        &self,
        mut usable: Usable,
        page: &impl Fn(usize, usize) -> Page,
    ) -> Result<Usable, TierError> {
        let (mut all, mut added) = (0, 0);
        for_each(page, |memory| {
            all += 1;
            added += usize::from(usable.words.put(&memory.id, &memory.content));
        })?;
        let mut removed = 0;
        if usable.words.len() != all {
            let mut ids = HashSet::new();
            for_each(page, |memory| {
                ids.insert(memory.id.clone());
            })?;
            removed = usable.words.retain(|id| ids.contains(id));
        }
        if added + removed > 0 {
            usable.changed = true;
            tracing::info!(target: "engram_core::index", space = %self.space, added, removed, "Index caught up with the log");
        }
        Ok(usable)
    }

    /// An index that was taken without proof gets no checksum: it would pass for a proved one at the next start.
    fn encode(&self, usable: &Usable) -> Vec<u8> {
        let with_checksum = self.settings.enable_checksums && usable.verified;
        file::encode(&usable.words, with_checksum)
    }

    fn report_fault(&self, reason: &str) {
        tracing::error!(
            target: "engram_core::index",
            space = %self.space,
            path = %self.path.display(),
            "Index corrupted or unavailable: {reason}; searches read all memories until it is rebuilt"
        );
    }

    fn read_state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_state(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<TierError> for Fault {
    fn from(error: TierError) -> Self {
        Self {
            status: Status::Unreadable,
            reason: error.to_string(),
        }
    }
}

fn for_each(
    page: &impl Fn(usize, usize) -> Page,
    mut visit: impl FnMut(&Memory),
) -> Result<(), TierError> {
    let mut offset = 0;
    loop {
        let memories = page(offset, PAGE)?;
        if memories.is_empty() {
            return Ok(());
        }
        offset += memories.len();
        for memory in &memories {
            visit(memory);
        }
    }
}
