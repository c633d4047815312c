//! What the log asks of a disk, and the operating system's answer to it.
//!
//! It is a trait so that tests can cut the power between any two calls. Nothing here knows what a log is.
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

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
