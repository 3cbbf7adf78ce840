//! Which memory is where, and which goes when the hot tier is full.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::cold::{ColdFile, Extent};
use crate::memory::Memory;

/// All memories of a space, in the order in which their ids were first stored.
#[derive(Debug)]
pub(super) struct Table {
    slots: Vec<Slot>,
    by_id: HashMap<String, usize>,
    /// Each hot slot once, about in the order of use: the front is looked at again before it goes.
    order: VecDeque<(u64, usize)>,
    capacity: usize,
    clock: AtomicU64,
    cold: ColdFile,
    /// The last attempt to make room failed. Logged once, not for each memory.
    stuck: bool,
}

/// A memory in RAM, in the file, or in both. Never in none.
#[derive(Debug)]
struct Slot {
    used: AtomicU64,
    hot: Option<Arc<Memory>>,
    /// Stays valid while the memory is hot, so that an unchanged memory is written once.
    cold: Option<Extent>,
}

/// A memory that was looked up, and what was needed for it.
#[derive(Debug)]
pub(super) struct Loaded {
    /// Its place.
    pub(super) position: usize,
    /// The memory.
    pub(super) memory: Arc<Memory>,
    /// From where it was read, if it was not in RAM.
    pub(super) read_from: Option<Extent>,
}

impl Table {
    /// An empty table over the directory of the cold tier.
    pub(super) fn create(cold: &Path, capacity: usize) -> io::Result<Self> {
        Ok(Self {
            slots: Vec::new(),
            by_id: HashMap::new(),
            order: VecDeque::new(),
            capacity,
            clock: AtomicU64::new(0),
            cold: ColdFile::create(cold)?,
            stuck: false,
        })
    }

    /// How many memories there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// How many of them are in RAM.
    pub(super) fn hot(&self) -> usize {
        self.order.len()
    }

    /// How many may be in RAM.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Where the memory with an id is.
    pub(super) fn position(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// Is the memory at a place in RAM?
    pub(super) fn is_hot(&self, position: usize) -> bool {
        self.slots[position].hot.is_some()
    }

    /// The memory at a place: from RAM, or read from the file.
    pub(super) fn load(&self, position: usize) -> io::Result<Loaded> {
        let slot = &self.slots[position];
        if let Some(memory) = &slot.hot {
            return Ok(Loaded {
                position,
                memory: Arc::clone(memory),
                read_from: None,
            });
        }
        let extent = slot.cold.ok_or(io::ErrorKind::NotFound)?;
        Ok(Loaded {
            position,
            memory: Arc::new(self.cold.read(extent)?),
            read_from: Some(extent),
        })
    }

    /// Notes that the memory at a place was used.
    pub(super) fn touch(&self, position: usize) {
        self.slots[position]
            .used
            .store(self.tick(), Ordering::Relaxed);
    }

    /// Stores or replaces a memory, and makes room for it.
    pub(super) fn put(&mut self, memory: Memory) {
        let position = if let Some(position) = self.position(&memory.id) {
            if let Some(extent) = self.slots[position].cold.take() {
                self.cold.discard(extent);
            }
            position
        } else {
            let position = self.slots.len();
            self.by_id.insert(memory.id.clone(), position);
            self.slots.push(Slot {
                used: AtomicU64::new(0),
                hot: None,
                cold: None,
            });
            position
        };
        self.heat(position, Arc::new(memory));
        if self.cold.is_mostly_holes() {
            let extents = self.slots.iter_mut().filter_map(|slot| slot.cold.as_mut());
            if let Err(error) = self.cold.rewrite(extents) {
                tracing::warn!(target: "engram_core::storage::tiers", "Tier maintenance failed error={error}");
            }
        }
    }

    /// Keeps in RAM what was read from the file, unless it was replaced meanwhile or is hot already.
    pub(super) fn promote(&mut self, loaded: &Loaded) {
        let slot = &self.slots[loaded.position];
        if slot.hot.is_none() && slot.cold == loaded.read_from {
            self.heat(loaded.position, Arc::clone(&loaded.memory));
        }
    }

    fn heat(&mut self, position: usize, memory: Arc<Memory>) {
        let now = self.tick();
        let slot = &mut self.slots[position];
        slot.used.store(now, Ordering::Relaxed);
        if slot.hot.replace(memory).is_none() {
            self.order.push_back((now, position));
        }
        while self.order.len() > self.capacity {
            match self.evict() {
                Ok(()) => self.stuck = false,
                // The memory stays in RAM: more than allowed is better than lost.
                Err(error) => {
                    if !self.stuck {
                        tracing::warn!(target: "engram_core::store", "failed to persist memory in tiered storage backend error={error}");
                    }
                    self.stuck = true;
                    return;
                }
            }
        }
    }

    /// Moves the memory whose use is longest ago to the file.
    fn evict(&mut self) -> io::Result<()> {
        while let Some((noted, position)) = self.order.pop_front() {
            let slot = &mut self.slots[position];
            let used = slot.used.load(Ordering::Relaxed);
            if used > noted {
                self.order.push_back((used, position));
                continue;
            }
            if let (Some(memory), None) = (&slot.hot, slot.cold) {
                match self.cold.append(memory) {
                    Ok(extent) => slot.cold = Some(extent),
                    Err(error) => {
                        self.order.push_front((noted, position));
                        return Err(error);
                    }
                }
            }
            slot.hot = None;
            return Ok(());
        }
        Ok(())
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }
}
