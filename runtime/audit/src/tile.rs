//! Tiles and entry bundles as C2SP tlog-tiles lays them out: their paths and their bytes.
//!
//! It reads no file; whoever has the bytes checks them against the tree.
use crate::tree::{TILE_HEIGHT, TILE_WIDTH, node_hash};
use pkic_facts::crypto::Sha256Digest;

/// Bytes of the largest entry: its length stands in 16 bits. Source: C2SP tlog-tiles, Log entries.
pub const ENTRY_LEN_BYTES_MAX: usize = 65_535;
/// Bytes of the largest entry bundle: 256 entries with their lengths.
pub(crate) const BUNDLE_LEN_BYTES_MAX: usize = TILE_WIDTH * (ENTRY_LEN_BYTES_MAX + 2);

/// A tile with its hashes, at most [`TILE_WIDTH`], and every node above them that is whole.
#[derive(Debug, Clone)]
pub(crate) struct Tile {
    pub(crate) level: u32,
    pub(crate) index: u64,
    /// The hashes, then the nodes over each pair of them, and so on.
    rows: [Vec<Sha256Digest>; TILE_HEIGHT as usize + 1],
}

impl Tile {
    /// A tile without hashes.
    pub(crate) fn new(level: u32, index: u64) -> Tile {
        Tile { level, index, rows: Default::default() }
    }

    pub(crate) fn of(level: u32, index: u64, hashes: &[Sha256Digest]) -> Tile {
        let mut tile = Tile::new(level, index);
        hashes.iter().for_each(|hash| tile.push(*hash));
        tile
    }

    /// Appends a hash, which is the caller's to see that there is room for.
    pub(crate) fn push(&mut self, hash: Sha256Digest) {
        let mut hash = hash;
        for row in &mut self.rows {
            row.push(hash);
            match row.as_slice() {
                [.., left, right] if row.len().is_multiple_of(2) => hash = node_hash(left, right),
                _ => return,
            }
        }
    }

    pub(crate) fn hashes(&self) -> &[Sha256Digest] {
        let [hashes, ..] = &self.rows;
        hashes
    }

    /// The root of the perfect subtree over `1 << height` hashes, the `offset`th of them.
    pub(crate) fn node(&self, height: u32, offset: usize) -> Option<Sha256Digest> {
        self.rows.get(usize::try_from(height).ok()?)?.get(offset).copied()
    }

    pub(crate) fn path(&self) -> String {
        tile_path(Some(self.level), self.index, self.hashes().len())
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        self.hashes().iter().flat_map(|hash| hash.0).collect()
    }
}

/// The path of a tile of `level`, or of an entry bundle without one, below the directory of the log.
pub(crate) fn tile_path(level: Option<u32>, index: u64, width: usize) -> String {
    let path = full_path(level, index);
    if width < TILE_WIDTH { format!("{path}.p/{width}") } else { path }
}

/// The path of the full tile or entry bundle.
pub(crate) fn full_path(level: Option<u32>, index: u64) -> String {
    let level = level.map_or_else(|| String::from("entries"), |level| level.to_string());
    let mut name = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        name = format!("x{:03}/{name}", rest % 1000);
        rest /= 1000;
    }
    format!("tile/{level}/{name}")
}

/// How wide the tile of a level at an index is in a tree of `size` leaves; nothing where the tree does not reach it.
pub(crate) fn tile_width(level: u32, index: u64, size: u64) -> Option<usize> {
    let hashes = size.checked_shr(TILE_HEIGHT.checked_mul(level)?)?;
    let before = index.checked_mul(TILE_WIDTH as u64)?;
    let width = hashes.checked_sub(before)?.min(TILE_WIDTH as u64);
    usize::try_from(width).ok().filter(|width| *width > 0)
}

/// The first `width` hashes of a tile's bytes, which may be those of a wider one; nothing where they are too few.
pub(crate) fn decode_tile(bytes: &[u8], width: usize) -> Option<Vec<Sha256Digest>> {
    if !bytes.len().is_multiple_of(32) || bytes.len() > TILE_WIDTH * 32 {
        return None;
    }
    let hashes: Option<Vec<Sha256Digest>> =
        bytes.chunks_exact(32).take(width).map(|hash| hash.try_into().ok().map(Sha256Digest)).collect();
    hashes.filter(|hashes| hashes.len() == width)
}

/// Appends an entry with its length; nothing where it is too long, and nothing is appended.
pub(crate) fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Option<()> {
    let len = u16::try_from(entry.len()).ok()?;
    bundle.extend_from_slice(&len.to_be_bytes());
    bundle.extend_from_slice(entry);
    Some(())
}

/// The entries of a bundle, at most [`TILE_WIDTH`]; nothing where its lengths do not add up.
pub(crate) fn decode_bundle(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    while let Some((len, rest)) = bytes.split_first_chunk::<2>() {
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        if entries.len() == TILE_WIDTH {
            return None;
        }
        entries.push(entry);
        bytes = rest;
    }
    bytes.is_empty().then_some(entries)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_a_bundle_in_one_way_or_none(bytes in proptest::collection::vec(0u8..3, 0..900)) {
            if let Some(entries) = decode_bundle(&bytes) {
                prop_assert!(entries.len() <= TILE_WIDTH);
                let mut again = Vec::new();
                entries.iter().for_each(|entry| push_entry(&mut again, entry).unwrap());
                prop_assert_eq!(again, bytes.clone());
            }
            for width in [0, 1, 28, 256, 300] {
                let hashes = decode_tile(&bytes, width);
                prop_assert!(hashes.is_none_or(|hashes| hashes.len() == width && width * 32 <= bytes.len()));
            }
        }
    }

    #[test]
    fn paths_and_widths_are_those_of_the_specification() {
        assert_eq!(tile_path(Some(2), 1_234_067, 256), "tile/2/x001/x234/067");
        assert_eq!(tile_path(None, 0, 7), "tile/entries/000.p/7");
        assert_eq!(tile_path(Some(0), 1000, 256), "tile/0/x001/000");
        // A tree of 70,000 entries: 273 full tiles and one of 112; one full and one of 17; one of 1.
        let width = |level, index| tile_width(level, index, 70_000);
        assert_eq!([width(0, 272), width(0, 273), width(0, 274)], [Some(256), Some(112), None]);
        assert_eq!(
            [width(1, 0), width(1, 1), width(2, 0), width(3, 0)],
            [Some(256), Some(17), Some(1), None]
        );
        assert_eq!([width(7, 0), width(8, 0), tile_width(0, u64::MAX, 5)], [None, None, None]);
    }
}
