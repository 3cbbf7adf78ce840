//! The tiers of a space: at most `persistence.hot_capacity` memories are in RAM, the others in a file.
//!
//! What is used comes back into RAM, and what was not used for the longest time goes. A hot tier that is smaller than
//! what the clients use therefore reads from the file again and again.

mod cold;
mod table;

#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use self::table::{Loaded, Table};
use crate::memory::Memory;

/// All memories of a space.
#[derive(Debug)]
pub(crate) struct Tiers {
    table: RwLock<Table>,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// A tier, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    /// In RAM.
    Hot,
    /// Not used by this server.
    Warm,
    /// In the file.
    Cold,
    /// Everywhere.
    All,
}

/// What the tiers hold, and how they were used since the space was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TierCounts {
    /// Memories in RAM.
    pub(crate) hot: usize,
    /// Memories in the file only.
    pub(crate) cold: usize,
    /// How many memories may be in RAM.
    pub(crate) capacity: usize,
    /// Uses of a memory that was in RAM.
    pub(crate) hits: u64,
    /// Uses of a memory that had to be read from the file.
    pub(crate) misses: u64,
}

/// A memory in the cold tier cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("Storage error: read from cold tier: {0}")]
pub(crate) struct TierError(#[from] io::Error);

impl FromStr for Tier {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "hot" => Ok(Self::Hot),
            "warm" => Ok(Self::Warm),
            "cold" => Ok(Self::Cold),
            "all" => Ok(Self::All),
            other => Err(format!(
                "Unknown tier '{other}': use hot, warm, cold or all"
            )),
        }
    }
}

impl Tiers {
    /// No memories yet. The file of an earlier server in the directory `cold` is removed.
    pub(crate) fn create(cold: &Path, capacity: u64) -> io::Result<Self> {
        let capacity = usize::try_from(capacity).unwrap_or(usize::MAX);
        Ok(Self {
            table: RwLock::new(Table::create(cold, capacity)?),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        })
    }

    /// Stores a memory, or replaces the one with its id.
    pub(crate) fn put(&self, memory: Memory) {
        self.write().put(memory);
    }

    /// The memory with an id.
    pub(crate) fn get(&self, id: &str) -> Result<Option<Arc<Memory>>, TierError> {
        let table = self.read();
        let Some(position) = table.position(id) else {
            return Ok(None);
        };
        let loaded = self.load(&table, position)?;
        table.touch(position);
        drop(table);
        let memory = Arc::clone(&loaded.memory);
        self.promote(&[loaded]);
        Ok(Some(memory))
    }

    /// The first memories that match, among those with some ids, or among all. What is found counts as used.
    pub(crate) fn find(
        &self,
        ids: Option<&[Arc<str>]>,
        limit: usize,
        matches: impl Fn(&Memory) -> bool,
    ) -> Result<Vec<Arc<Memory>>, TierError> {
        let table = self.read();
        let places: Vec<usize> = match ids {
            Some(ids) => {
                let mut places: Vec<usize> =
                    ids.iter().filter_map(|id| table.position(id)).collect();
                places.sort_unstable();
                places
            }
            None => (0..table.len()).collect(),
        };
        let mut found = Vec::new();
        for position in places {
            if found.len() >= limit {
                break;
            }
            let loaded = self.load(&table, position)?;
            if matches(&loaded.memory) {
                table.touch(position);
                found.push(loaded);
            }
        }
        drop(table);
        self.promote(&found);
        Ok(found.into_iter().map(|loaded| loaded.memory).collect())
    }

    /// A page of the memories of a tier, in the order of first storing. To look at them is not to use them.
    pub(crate) fn page(
        &self,
        tier: Tier,
        offset: usize,
        limit: usize,
    ) -> Result<Vec<Arc<Memory>>, TierError> {
        let table = self.read();
        let all = 0..table.len();
        let places: Box<dyn Iterator<Item = usize>> = match tier {
            Tier::All => Box::new(all),
            Tier::Hot => Box::new(all.filter(|place| table.is_hot(*place))),
            Tier::Cold => Box::new(all.filter(|place| !table.is_hot(*place))),
            Tier::Warm => Box::new(std::iter::empty()),
        };
        places
            .skip(offset)
            .take(limit)
            .map(|place| Ok(table.load(place)?.memory))
            .collect()
    }

    /// How many memories there are.
    pub(crate) fn len(&self) -> usize {
        self.read().len()
    }

    /// What is where.
    pub(crate) fn counts(&self) -> TierCounts {
        let table = self.read();
        TierCounts {
            hot: table.hot(),
            cold: table.len() - table.hot(),
            capacity: table.capacity(),
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
        }
    }

    fn load(&self, table: &Table, position: usize) -> io::Result<Loaded> {
        let loaded = table.load(position)?;
        let counter = match loaded.read_from {
            None => &self.hits,
            Some(_) => &self.misses,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(loaded)
    }

    fn promote(&self, loaded: &[Loaded]) {
        if loaded.iter().all(|loaded| loaded.read_from.is_none()) {
            return;
        }
        let mut table = self.write();
        for loaded in loaded.iter().filter(|loaded| loaded.read_from.is_some()) {
            table.promote(loaded);
        }
    }

    /// A panic elsewhere does not make the table wrong: each change is whole before the next begins.
    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}
