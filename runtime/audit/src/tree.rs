//! The Merkle tree of RFC 6962 section 2.1, as its right edge: what is needed to append, and to know the root.
//!
//! It keeps the hashes of the tiles that are not full, at most 255 a level, so its size does not grow with the log. It
//! hands out tiles as they fill up, and touches no file.
use crate::tile::Tile;
use aws_lc_rs::digest::{Context, SHA256};
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
    digest(&[&[1], &left.0, &right.0])
}

/// SHA-256 of the parts, one after the other.
pub(crate) fn digest(parts: &[&[u8]]) -> Sha256Digest {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut digest = [0u8; 32];
    digest.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
    Sha256Digest(digest)
}

/// The root over as many hashes as a power of two, which is the caller's to see to.
pub(crate) fn perfect_root(hashes: &[Sha256Digest]) -> Sha256Digest {
    match hashes {
        [] => empty_root(),
        [only] => *only,
        more => {
            let (left, right) = more.split_at(more.len() / 2);
            node_hash(&perfect_root(left), &perfect_root(right))
        }
    }
}

/// The right edge of a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Edge {
    size: u64,
    /// The hashes of the partial tile of each level, fewer than [`TILE_WIDTH`].
    levels: Vec<Vec<Sha256Digest>>,
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
        let mut tiles = self.size / TILE_WIDTH as u64;
        for hashes in &mut self.levels {
            let Some(hash) = carried.take() else { return };
            hashes.push(hash);
            if hashes.len() == TILE_WIDTH {
                let hashes = std::mem::take(hashes);
                carried = Some(perfect_root(&hashes));
                full.push(Tile { level, index: tiles.saturating_sub(1), hashes });
            }
            level = level.saturating_add(1);
            tiles /= TILE_WIDTH as u64;
        }
        self.levels.extend(carried.map(|hash| vec![hash]));
    }

    /// The root of the tree.
    pub(crate) fn root(&self) -> Sha256Digest {
        let mut root: Option<Sha256Digest> = None;
        for level in &self.levels {
            let mut rest = level.as_slice();
            while !rest.is_empty() {
                let width = 1usize << rest.len().trailing_zeros();
                let (left, right) = rest.split_at(rest.len().saturating_sub(width));
                let hash = perfect_root(right);
                root = Some(root.map_or(hash, |below| node_hash(&hash, &below)));
                rest = left;
            }
        }
        root.unwrap_or_else(empty_root)
    }

    /// The tiles that are not full, without the empty ones.
    pub(crate) fn partial_tiles(&self) -> impl Iterator<Item = Tile> + '_ {
        let mut entries = self.size;
        (0u32..).zip(&self.levels).filter_map(move |(level, hashes)| {
            entries /= TILE_WIDTH as u64;
            (!hashes.is_empty()).then(|| Tile { level, index: entries, hashes: hashes.clone() })
        })
    }
}
