//! What the log asks of a disk, and the operating system's answer to it.
//!
//! It is a trait so that tests can cut the power between any two calls. Nothing here knows what a log is.
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Room that is made at a time: as much as there is already, so that a short journal stays short.
const ROOM_LEN_BYTES_MIN: u64 = 64 << 10;
const ROOM_LEN_BYTES_MAX: u64 = 1 << 20;

/// The length of a file whose first `end` bytes are taken, when room is made in it.
pub(crate) fn with_room(end: u64) -> u64 {
    end.saturating_add(end.clamp(ROOM_LEN_BYTES_MIN, ROOM_LEN_BYTES_MAX))
}

/// A file system. Nothing is on the disk for good before it was synchronised: a file by [`Disk::sync`], the names in a
/// directory by [`Disk::sync_dir`].
pub(crate) trait Disk: Send + Sync {
    /// The bytes of a file, if it has at most `len_max`.
    fn read(&self, path: &Path, len_max: usize) -> io::Result<Vec<u8>>;
    /// Whether there is such a file, and how many bytes it has.
    fn len(&self, path: &Path) -> io::Result<Option<u64>>;
    /// Makes a file of these bytes, or replaces what it had, with the directories that it needs.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Puts the bytes of a file on the disk.
    fn sync(&self, path: &Path) -> io::Result<()>;
    /// Gives a file another name, whose former file is gone.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Puts the names of a directory on the disk.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory with its files, if it is there.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// Removes the files of a directory but one, if it is there.
    fn remove_but(&self, path: &Path, keep: &str) -> io::Result<()>;
    /// Opens a file to append to it.
    fn appender(&self, path: &Path) -> io::Result<Box<dyn Appender>>;
    /// Opens a file to append after its first `end` bytes, with room made beforehand: behind what is appended the file
    /// has zeros. To synchronise what overwrites them takes half the time of what makes a file longer.
    fn roomy_appender(&self, path: &Path, end: u64) -> io::Result<Box<dyn Appender>>;
}

/// A file that is appended to.
pub(crate) trait Appender: Send {
    /// Writes all the bytes after what is there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Puts what was appended on the disk.
    fn sync(&mut self) -> io::Result<()>;
}

/// The operating system's disk.
#[derive(Debug)]
pub(crate) struct OsDisk;

impl Disk for OsDisk {
    fn read(&self, path: &Path, len_max: usize) -> io::Result<Vec<u8>> {
        let file = File::open(path)?;
        let len = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(len.min(len_max).saturating_add(1));
        let limit = u64::try_from(len_max).unwrap_or(u64::MAX);
        let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        if read > len_max {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than a file of its kind can be"));
        }
        Ok(bytes)
    }

    fn len(&self, path: &Path) -> io::Result<Option<u64>> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        match fs::write(path, bytes) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                path.parent().map_or(Ok(()), fs::create_dir_all)?;
                fs::write(path, bytes)
            }
            done => done,
        }
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    fn remove_but(&self, path: &Path, keep: &str) -> io::Result<()> {
        let files = match fs::read_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            files => files?,
        };
        for file in files {
            let file = file?;
            if file.file_name() != keep {
                fs::remove_file(file.path())?;
            }
        }
        Ok(())
    }

    fn appender(&self, path: &Path) -> io::Result<Box<dyn Appender>> {
        Ok(Box::new(OsAppender(OpenOptions::new().append(true).open(path)?)))
    }

    fn roomy_appender(&self, path: &Path, end: u64) -> io::Result<Box<dyn Appender>> {
        let file = OpenOptions::new().write(true).open(path)?;
        let len = file.metadata()?.len();
        Ok(Box::new(OsRoomyAppender { file, end, len }))
    }
}

struct OsAppender(File);

impl Appender for OsAppender {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}

struct OsRoomyAppender {
    file: File,
    /// Where the next bytes go.
    end: u64,
    /// Length of the file.
    len: u64,
}

impl Appender for OsRoomyAppender {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let end = self.end.saturating_add(bytes.len() as u64);
        if end > self.len {
            let len = with_room(end);
            let zeros = vec![0; usize::try_from(len.saturating_sub(self.len)).unwrap_or(usize::MAX)];
            self.file.seek(SeekFrom::Start(self.len))?;
            self.file.write_all(&zeros)?;
            self.len = len;
        }
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(bytes)?;
        self.end = end;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_appended_has_zeros_behind_it_and_nothing_between() {
        let path = std::env::temp_dir().join(format!("pkic-audit-room-{}", std::process::id()));
        fs::write(&path, b"head").unwrap();
        let mut whole = b"head".to_vec();
        for bytes in [vec![1; 7], vec![2; 70_000], vec![3; 3_000_000], vec![4; 1]] {
            // Opened anew each time, with the room that is there.
            let mut file = OsDisk.roomy_appender(&path, whole.len() as u64).unwrap();
            for part in bytes.chunks(bytes.len().div_ceil(2)) {
                file.append(part).unwrap();
            }
            file.sync().unwrap();
            whole.extend(bytes);
            let found = fs::read(&path).unwrap();
            let (taken, room) = found.split_at_checked(whole.len()).unwrap();
            assert_eq!(taken, whole);
            assert!(room.len() as u64 <= ROOM_LEN_BYTES_MAX && room.iter().all(|byte| *byte == 0));
        }
        fs::remove_file(&path).unwrap();
    }
}
