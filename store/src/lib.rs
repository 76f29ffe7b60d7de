//! Landfall store.
