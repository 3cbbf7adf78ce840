//! Memory spaces: one tenant each, one directory each.

mod id;
mod registry;
mod store;
mod stream;
mod tiers;

pub(crate) use id::{InvalidSpaceId, SpaceId};
pub(crate) use registry::{Registry, SpaceError, ids_in};
pub(crate) use store::{Space, StoreError};
pub(crate) use stream::StreamDepth;
pub(crate) use tiers::{Tier, TierCounts, TierError};
