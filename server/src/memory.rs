//! How the process takes memory from the system. Must be told before there is much of it.

/// Takes plain pages instead of huge ones for the heap. A server of many small idle connections
/// touches little of each huge page, and the system clears the whole of it: that was a quarter of
/// what accepting a connection cost.
pub fn use_plain_pages() {
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "huge pages stay on; the server only needs more memory");
    }
}
