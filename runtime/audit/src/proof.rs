//! Inclusion and consistency proofs: made from tiles, checked from nothing but hashes.
//!
//! Making them follows RFC 6962 sections 2.1.1 and 2.1.2, checking them RFC 9162 sections 2.1.3.2 and 2.1.4.2, which
//! agree on the proofs. A proof made from damaged tiles does not check; nothing here trusts a tile.
use crate::error::LogError;
use crate::tile::{Tile, tile_width};
use crate::tree::{TILE_HEIGHT, TILE_WIDTH, empty_root, node_hash};
use pkic_facts::crypto::Sha256Digest;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Hashes of the longest proof: one for each bit of a tree's size on both sides of the split.
pub(crate) const PROOF_LEN_MAX: usize = 64;

/// Where tiles come from.
pub(crate) trait TileSource {
    /// A tile with its first `width` hashes, and perhaps more.
    fn tile(&self, level: u32, index: u64, width: usize) -> Result<Arc<Tile>, LogError>;
}

/// A tree of a size, over tiles that are read as they are needed.
pub(crate) struct Tiles<'a, S> {
    source: &'a S,
    size: u64,
    read: BTreeMap<(u32, u64), Arc<Tile>>,
}

impl<'a, S: TileSource> Tiles<'a, S> {
    pub(crate) fn new(source: &'a S, size: u64) -> Tiles<'a, S> {
        Tiles { source, size, read: BTreeMap::new() }
    }

    /// Has this tile stand for what the source would give.
    pub(crate) fn overlay(&mut self, tile: Tile) {
        self.read.insert((tile.level, tile.index), Arc::new(tile));
    }

    /// The hash of the perfect subtree of `1 << height` leaves, the `index`th of them.
    fn node(&mut self, height: u32, index: u64) -> Result<Sha256Digest, LogError> {
        let level = height / TILE_HEIGHT;
        let count = 1u64 << (height % TILE_HEIGHT);
        let first = index.saturating_mul(count);
        let (tile, offset) = (first / TILE_WIDTH as u64, first % TILE_WIDTH as u64);
        let outside = || LogError::TileOutside { level, index: tile, size: self.size };
        if !self.read.contains_key(&(level, tile)) {
            let width = tile_width(level, tile, self.size).ok_or_else(outside)?;
            let found = self.source.tile(level, tile, width)?;
            self.read.insert((level, tile), found);
        }
        let offset = usize::try_from(offset / count).unwrap_or(usize::MAX);
        let found = self.read.get(&(level, tile));
        found.and_then(|found| found.node(height % TILE_HEIGHT, offset)).ok_or_else(outside)
    }

    /// The root over the leaves from `low` to before `high`, where `low` is where RFC 6962 would split.
    fn range(&mut self, low: u64, high: u64) -> Result<Sha256Digest, LogError> {
        let mut peaks = Vec::new();
        let mut at = low;
        while at < high {
            let height = high.saturating_sub(at).ilog2();
            peaks.push(self.node(height, at >> height)?);
            at = at.saturating_add(1 << height);
        }
        let mut peaks = peaks.into_iter().rev();
        let last = peaks.next().unwrap_or_else(empty_root);
        Ok(peaks.fold(last, |right, left| node_hash(&left, &right)))
    }

    /// The hash of the leaf at `index`, as its tile has it.
    pub(crate) fn leaf(&mut self, index: u64) -> Result<Sha256Digest, LogError> {
        self.node(0, index)
    }

    /// The root over the first `size` leaves.
    pub(crate) fn root_of(&mut self, size: u64) -> Result<Sha256Digest, LogError> {
        self.range(0, size)
    }

    /// The proof that the tree has the leaf at `index`, the leaf's sibling first.
    pub(crate) fn inclusion(&mut self, index: u64) -> Result<Vec<Sha256Digest>, LogError> {
        self.inclusion_in(index, self.size)
    }

    /// The proof that the tree over the first `size` leaves has the leaf at `index`.
    pub(crate) fn inclusion_in(&mut self, index: u64, size: u64) -> Result<Vec<Sha256Digest>, LogError> {
        if index >= size {
            return Err(LogError::NoEntry { index, size });
        }
        let (mut low, mut high) = (0u64, size);
        let mut path = Vec::new();
        while high.saturating_sub(low) > 1 {
            let middle = low.saturating_add(split(high.saturating_sub(low)));
            if index < middle {
                path.push(self.range(middle, high)?);
                high = middle;
            } else {
                path.push(self.range(low, middle)?);
                low = middle;
            }
        }
        path.reverse();
        Ok(path)
    }

    /// The proof that the tree begins with the tree of `from` leaves.
    pub(crate) fn consistency(&mut self, from: u64) -> Result<Vec<Sha256Digest>, LogError> {
        let (mut low, mut high) = (0u64, self.size);
        let mut path = Vec::new();
        if from == 0 || from >= self.size {
            return Ok(path);
        }
        while from < high {
            let middle = low.saturating_add(split(high.saturating_sub(low)));
            if from <= middle {
                path.push(self.range(middle, high)?);
                high = middle;
            } else {
                path.push(self.range(low, middle)?);
                low = middle;
            }
        }
        if low > 0 {
            path.push(self.range(low, high)?);
        }
        path.reverse();
        Ok(path)
    }
}

/// The largest power of two below `count`, which is at least 2. Source: RFC 6962 section 2.1.
fn split(count: u64) -> u64 {
    1 << count.saturating_sub(1).max(1).ilog2()
}

/// Whether `proof` shows that the tree of `size` leaves under `root` has `leaf` at `index`.
pub(crate) fn shows_inclusion(
    proof: &[Sha256Digest],
    leaf: Sha256Digest,
    index: u64,
    size: u64,
    root: &Sha256Digest,
) -> bool {
    if index >= size || proof.len() > PROOF_LEN_MAX {
        return false;
    }
    let (mut node, mut last) = (index, size.saturating_sub(1));
    let mut hash = leaf;
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            (node, last) = skip_missing(node, last);
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && hash == *root
}

/// Whether `proof` shows that the tree of `size` leaves under `root` begins with that of `old_size` under `old_root`.
pub fn shows_consistency(
    proof: &[Sha256Digest],
    old_size: u64,
    old_root: &Sha256Digest,
    size: u64,
    root: &Sha256Digest,
) -> bool {
    if old_size > size || proof.len() > PROOF_LEN_MAX {
        return false;
    }
    if old_size == size {
        return proof.is_empty() && old_root == root;
    }
    if old_size == 0 {
        return proof.is_empty() && *old_root == empty_root();
    }
    let (mut node, mut last) = (old_size.saturating_sub(1), size.saturating_sub(1));
    while node & 1 == 1 {
        (node, last) = (node >> 1, last >> 1);
    }
    let (first, rest) = match proof {
        rest if old_size.is_power_of_two() => (*old_root, rest),
        [first, rest @ ..] => (*first, rest),
        [] => return false,
    };
    let (mut old, mut new) = (first, first);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old = node_hash(sibling, &old);
            new = node_hash(sibling, &new);
            (node, last) = skip_missing(node, last);
        } else {
            new = node_hash(&new, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && old == *old_root && new == *root
}

/// Goes up past the levels at which the rightmost node has no sibling.
fn skip_missing(mut node: u64, mut last: u64) -> (u64, u64) {
    while node & 1 == 0 && node != 0 {
        (node, last) = (node >> 1, last >> 1);
    }
    (node, last)
}
