//! The tests of the reference instance: each runs the real program on a directory of its own, on a port that the
//! kernel chooses. The last module tests the host shims with it.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should panic, in its helpers too"
)]

mod consolidation;
mod crash;
mod grpc;
mod grpcurl;
mod host;
mod host_unit;
mod http;
mod index;
mod instance;
mod robust;
mod routes;
mod spaces;
mod start;
mod tiers;
mod validate_data;
mod validation;
mod wal;
