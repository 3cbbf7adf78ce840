//! Checks of pages as written, a file each.

use crate::config::Config;
use crate::finding::Finding;
use crate::page::Page;
use std::sync::Arc;

/// All findings that need neither execution nor a built site.
pub fn static_findings(_pages: &[Arc<Page>], _config: &Config) -> Vec<Finding> {
    Vec::new()
}
