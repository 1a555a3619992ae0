//! A stack that is deep enough for the graph of a long program.
//!
//! Candle walks a graph recursively, one level of the stack (some 240 bytes) for each op of the longest chain. A
//! thread of 2 MiB, which tests and `std::thread` have, ends with an abort at some 8,000 of them: a chain of a few
//! thousand sites.

use rushlight_trace::{Error, Result};

/// Programs with up to so many sites are walked on the caller's stack. A site's ops are seldom more than a dozen.
const SHALLOW: usize = 200;
/// The stack for each site of a longer program. Memory that is not touched is not taken.
const PER_SITE: usize = 32 << 10;
const AT_LEAST: usize = 16 << 20;

/// Runs `walk` on a stack that is deep enough for a graph of so many sites.
///
/// # Errors
///
/// [`Error::Stack`] if there is no thread with such a stack to be had.
pub(crate) fn walk<R: Send>(sites: usize, walk: impl FnOnce() -> Result<R> + Send) -> Result<R> {
    if sites <= SHALLOW {
        return walk();
    }
    let bytes = AT_LEAST + PER_SITE * sites;
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(bytes).spawn_scoped(scope, walk);
        match thread.map(|t| t.join()) {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(e) => Err(Error::Stack { sites, bytes, reason: e.to_string() }),
        }
    })
}
