//! Synthetic vendor-shaped chains, labelled as such: for negatives that each change one thing.
