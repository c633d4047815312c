//! From a profile's name to its place, whatever the number of profiles: the dispatch index.
use crate::program::Program;
use alloc::vec::Vec;

/// Finds profiles by name in one probe or a few. Built once when a program is loaded; a look-up allocates nothing.
///
/// A profile of the root policy also answers to its name without that of the policy, unless another has that name.
#[derive(Debug, Clone)]
pub struct ProgramIndex {
    /// Open addressing with linear probing, at most half full: index of a profile, and whether by its short name.
    places: Vec<Option<Place>>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    profile: u32,
    is_short: bool,
}

impl ProgramIndex {
    /// The index of a program. It answers for this program alone.
    pub fn new(program: &Program) -> ProgramIndex {
        let len = program.profiles.len().saturating_mul(4).next_power_of_two().max(8);
        let mut index = ProgramIndex { places: alloc::vec![None; len] };
        for (profile, entry) in (0u32..).zip(&program.profiles) {
            index.insert(&entry.name, Place { profile, is_short: false });
        }
        for (profile, entry) in (0u32..).zip(&program.profiles) {
            if let Some(short) = short_name(program, &entry.name)
                && index.profile(program, short).is_none()
            {
                index.insert(short, Place { profile, is_short: true });
            }
        }
        index
    }

    fn insert(&mut self, name: &str, place: Place) {
        let start = self.start(name);
        let (before, from) = self.places.split_at_mut(start);
        if let Some(free) = from.iter_mut().chain(before).find(|place| place.is_none()) {
            *free = Some(place);
        }
    }

    /// Index into [`Program::profiles`] of the profile of that qualified or short name.
    pub fn profile(&self, program: &Program, name: &str) -> Option<u32> {
        let (before, from) = self.places.split_at_checked(self.start(name))?;
        for place in from.iter().chain(before) {
            let place = (*place)?;
            let held = &program.profiles.get(usize::try_from(place.profile).ok()?)?.name;
            let held = if place.is_short { short_name(program, held) } else { Some(held.as_str()) };
            if held == Some(name) {
                return Some(place.profile);
            }
        }
        None
    }

    fn start(&self, name: &str) -> usize {
        // FNV-1a: the names are the policy's own, whoever asks can only miss.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mask = self.places.len().saturating_sub(1);
        usize::try_from((hash ^ (hash >> 32)) & 0xffff_ffff).unwrap_or(0) & mask
    }
}

fn short_name<'a>(program: &Program, name: &'a str) -> Option<&'a str> {
    name.strip_prefix(program.policy.as_str())?.strip_prefix('.')
}
