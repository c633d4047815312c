//! The Merkle tree of RFC 6962 section 2.1, as its right edge: what is needed to append, and to know the root.
//!
//! It keeps the tiles that are not full, at most 255 hashes a level, so its size does not grow with the log. It hands out
//! tiles as they fill up, and touches no file.
use crate::tile::Tile;
use aws_lc_rs::digest::{self, Context, SHA256};
use pkic_facts::crypto::Sha256Digest;

/// Hashes of a full tile. Source: C2SP tlog-tiles, Merkle Tree.
pub(crate) const TILE_WIDTH: usize = 256;
/// Levels of the tree that one tile spans.
pub(crate) const TILE_HEIGHT: u32 = 8;
/// Most entries of a tree that is read: far more than any disk holds, and sums of two sizes fit 64 bits.
pub(crate) const TREE_SIZE_MAX: u64 = 1 << 56;

/// The hash of a leaf. Source: RFC 6962 section 2.1.
pub fn leaf_hash(entry: &[u8]) -> Sha256Digest {
    digest(&[&[0], entry])
}

/// The root of the empty tree. Source: RFC 6962 section 2.1.
pub(crate) fn empty_root() -> Sha256Digest {
    digest(&[])
}

/// The hash of a node over its two children. Source: RFC 6962 section 2.1.
pub(crate) fn node_hash(left: &Sha256Digest, right: &Sha256Digest) -> Sha256Digest {
    let mut node = [1u8; 65];
    node.iter_mut().skip(1).zip(left.0.iter().chain(&right.0)).for_each(|(to, from)| *to = *from);
    sha256(digest::digest(&SHA256, &node))
}

/// SHA-256 of the parts, one after the other.
pub(crate) fn digest(parts: &[&[u8]]) -> Sha256Digest {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    sha256(context.finish())
}

fn sha256(found: digest::Digest) -> Sha256Digest {
    let mut digest = [0u8; 32];
    digest.iter_mut().zip(found.as_ref()).for_each(|(to, from)| *to = *from);
    Sha256Digest(digest)
}

/// The right edge of a tree.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edge {
    size: u64,
    /// The partial tile of each level, with fewer than [`TILE_WIDTH`] hashes.
    levels: Vec<Tile>,
}

impl Edge {
    /// Leaves of the tree.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf, and the tiles that it fills up to `full`, lower levels first.
    pub(crate) fn push(&mut self, leaf: Sha256Digest, full: &mut Vec<Tile>) {
        self.size = self.size.saturating_add(1);
        let mut carried = Some(leaf);
        let mut level = 0u32;
        for tile in &mut self.levels {
            let Some(hash) = carried.take() else { return };
            tile.push(hash);
            if tile.hashes().len() == TILE_WIDTH {
                carried = tile.node(TILE_HEIGHT, 0);
                let next = Tile::new(level, tile.index.saturating_add(1));
                full.push(std::mem::replace(tile, next));
            }
            level = level.saturating_add(1);
        }
        self.levels.extend(carried.map(|hash| Tile::of(level, 0, &[hash])));
    }

    /// The root of the tree.
    pub(crate) fn root(&self) -> Sha256Digest {
        let mut root: Option<Sha256Digest> = None;
        for tile in &self.levels {
            let width = tile.hashes().len();
            let heights = (0..TILE_HEIGHT).filter(|height| (width >> height) & 1 == 1);
            for hash in heights.filter_map(|height| tile.node(height, (width >> height).saturating_sub(1))) {
                root = Some(root.map_or(hash, |below| node_hash(&hash, &below)));
            }
        }
        root.unwrap_or_else(empty_root)
    }

    /// The tiles that are not full, without the empty ones.
    pub(crate) fn partial_tiles(&self) -> impl Iterator<Item = &Tile> + '_ {
        self.levels.iter().filter(|tile| !tile.hashes().is_empty())
    }
}
