use crate::{Entry, Error, Result, StateDict, Values};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

/// The one metadata key: the format of the state and its version.
///
/// One key only, because the file format writes metadata in the order of a hash map and equal
/// states must give equal files.
const FORMAT: (&str, &str) = ("format", "tricks-state/1");

/// What the file format keeps its metadata under.
const RESERVED: &str = "__metadata__";

impl StateDict {
    /// The state as a safetensors file in memory; the same bytes for the same state.
    ///
    /// # Errors
    /// An entry whose shape does not hold its numbers, or named as the format names its metadata.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        if self.entry(RESERVED).is_some() {
            return Err(Error::format("state", format!("an entry cannot be named {RESERVED}")));
        }
        let buffers: Vec<_> = self
            .iter()
            .map(|(name, Entry { shape, values })| {
                let (kind, bytes) = match values {
                    Values::F32(x) => {
                        (Dtype::F32, x.iter().flat_map(|x| x.to_le_bytes()).collect())
                    }
                    Values::F64(x) => {
                        (Dtype::F64, x.iter().flat_map(|x| x.to_le_bytes()).collect())
                    }
                    Values::U64(x) => {
                        (Dtype::U64, x.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())
                    }
                };
                (name, kind, shape, bytes)
            })
            .collect();
        let wrong = |e: safetensors::SafeTensorError| Error::format("state", e);
        let views = buffers
            .iter()
            .map(|(name, kind, shape, bytes)| {
                Ok((*name, TensorView::new(*kind, shape.to_vec(), bytes).map_err(wrong)?))
            })
            .collect::<Result<Vec<_>>>()?;
        let metadata = HashMap::from([(FORMAT.0.to_string(), FORMAT.1.to_string())]);
        safetensors::serialize(views, Some(metadata)).map_err(wrong)
    }

    /// Reads a safetensors file from memory. `name` is for messages.
    ///
    /// Any file of `F32`, `F64` and `U64` tensors is accepted, whoever wrote it.
    ///
    /// # Errors
    /// [`Error::Format`] for hostile or damaged bytes, and for tensors of other types.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Self> {
        let wrong = |e: safetensors::SafeTensorError| Error::format(name, e);
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(wrong)?;
        check_header(bytes).map_err(|message| Error::format(name, message))?;
        let version = metadata.metadata().as_ref().and_then(|m| m.get(FORMAT.0));
        if let Some(version) = version.filter(|v| v.starts_with("tricks-") && *v != FORMAT.1) {
            return Err(Error::format(
                name,
                format!("written as {version}, this version reads {}", FORMAT.1),
            ));
        }
        let file = SafeTensors::deserialize(bytes).map_err(wrong)?;
        let mut state = StateDict::new();
        for (key, view) in file.tensors() {
            let data = view.data();
            let values = match view.dtype() {
                Dtype::F32 => {
                    Values::F32(data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
                }
                Dtype::F64 => {
                    Values::F64(data.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect())
                }
                Dtype::U64 => {
                    Values::U64(data.as_chunks().0.iter().map(|b| u64::from_le_bytes(*b)).collect())
                }
                other => {
                    let message = format!("tensor {key} is {other:?}, can read F32, F64 and U64");
                    return Err(Error::format(name, message));
                }
            };
            state.insert_entry(key, Entry { shape: view.shape().to_vec(), values });
        }
        Ok(state)
    }

    /// Writes the state to `path`, so that the file is the old one or the new one and never torn:
    /// a temporary file beside it, flushed to disk, then renamed.
    ///
    /// What a killed process left of an earlier save is removed. Of two saves to one path at the
    /// same time, one may fail.
    ///
    /// # Errors
    /// [`Error::Io`]; the old file is untouched.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let bytes = self.to_bytes()?;
        let Some(name) = path.file_name() else {
            return Err(Error::format(path.display(), "is not the path of a file"));
        };
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let prefix = format!(".{}.", name.to_string_lossy());
        remove_leftovers(folder, &prefix);
        let temporary = folder.join(format!("{prefix}{}{LEFTOVER}", std::process::id()));
        let written = write_and_flush(&temporary, &bytes)
            .map_err(Error::io(path, "write the new file beside it"))
            .and_then(|()| {
                fs::rename(&temporary, path)
                    .map_err(Error::io(path, "rename the new file into place"))
            });
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written?;
        // The rename itself must reach the disk. Folders cannot be opened everywhere: then it is
        // as safe as the system makes it.
        if let Ok(folder) = File::open(folder) {
            folder.sync_all().map_err(Error::io(path, "flush the folder of"))?;
        }
        Ok(())
    }

    /// Reads a state from a file.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Format`] as [`StateDict::from_bytes`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(Error::io(path, "read"))?;
        Self::from_bytes(&path.display().to_string(), &bytes)
    }
}

/// The end of the name of a file that is being written.
const LEFTOVER: &str = ".saving";

fn write_and_flush(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Removes what a killed process left. That it cannot is no reason not to save.
fn remove_leftovers(folder: &Path, prefix: &str) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(prefix) && name.ends_with(LEFTOVER) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// What the format forbids and its reader lets pass: padding in front of the header, and two
/// tensors of one name.
fn check_header(bytes: &[u8]) -> Result<(), String> {
    // Lengths are the reader's business.
    let Some((length, rest)) = bytes.split_first_chunk() else { return Ok(()) };
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let Some(header) = rest.get(..length) else { return Ok(()) };
    if header.first() != Some(&b'{') {
        return Err("the header does not start with {".into());
    }
    serde_json::Deserializer::from_slice(header)
        .deserialize_map(DistinctNames)
        .map_err(|e| format!("header: {e}"))
}

/// Visits a map and refuses a name that stands twice.
struct DistinctNames;

impl<'de> Visitor<'de> for DistinctNames {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut names = HashSet::new();
        while let Some((name, IgnoredAny)) = map.next_entry::<String, _>()? {
            if let Some(twice) = names.replace(name) {
                return Err(serde::de::Error::custom(format!("{twice} stands twice")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> StateDict {
        let mut state = StateDict::new();
        state.insert(
            "layers.0.weight/m",
            &[2, 3],
            &[0.5f32, -0.0, f32::MIN_POSITIVE, 1e30, 2., 3.],
        );
        state.insert("empty", &[0, 4], &[] as &[f64]);
        state.insert_count("step", u64::MAX);
        state.insert_number("best", f64::NEG_INFINITY);
        state
    }

    #[test]
    fn round_trip_and_equal_bytes() {
        let (a, b) = (sample().to_bytes().unwrap(), sample().to_bytes().unwrap());
        assert_eq!(a, b);
        assert_eq!(StateDict::from_bytes("state", &a).unwrap(), sample());
    }

    #[test]
    fn every_truncation_is_refused() {
        let bytes = sample().to_bytes().unwrap();
        for len in 0..bytes.len() {
            assert!(StateDict::from_bytes("state", &bytes[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn no_bit_flip_panics() {
        let bytes = sample().to_bytes().unwrap();
        for bit in 0..8 * bytes.len() {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let _ = StateDict::from_bytes("state", &bytes);
        }
    }

    #[test]
    fn padding_and_doubles_are_refused() {
        let file = |header: &str| {
            let length = (header.len() as u64).to_le_bytes();
            [&length, header.as_bytes(), &[0; 4]].concat()
        };
        let load = |bytes: &[u8]| StateDict::from_bytes("f", bytes).map_err(|e| e.to_string());
        let w = r#""w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#;
        assert!(load(&file(&format!("{{{w}}}"))).is_ok());
        let padded = load(&file(&format!(" {{{w}}}"))).unwrap_err();
        assert_eq!(padded, "f: the header does not start with {");
        let double = load(&file(&format!("{{{w},{w}}}"))).unwrap_err();
        assert!(double.starts_with("f: header: w stands twice"), "{double}");
    }

    #[test]
    fn a_newer_version_is_refused() {
        let bytes = sample().to_bytes().unwrap();
        let text = String::from_utf8_lossy(&bytes).replace("tricks-state/1", "tricks-state/2");
        let header = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
        let mut newer = bytes.clone();
        let at = text.find("tricks-state/2").unwrap();
        newer[8..8 + header].copy_from_slice(&text.as_bytes()[8..8 + header]);
        assert!(at < header);
        let refused = StateDict::from_bytes("run.safetensors", &newer).unwrap_err().to_string();
        let want = "run.safetensors: written as tricks-state/2, this version reads tricks-state/1";
        assert_eq!(refused, want);
    }

    #[test]
    fn a_failed_save_keeps_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.safetensors");
        sample().save(&path).unwrap();
        let missing = folder.path().join("missing/run.safetensors");
        assert!(matches!(sample().save(missing), Err(Error::Io { .. })));
        // A folder in its place: the rename fails, and nothing stays behind.
        let taken = folder.path().join("taken");
        fs::create_dir(&taken).unwrap();
        assert!(matches!(sample().save(&taken), Err(Error::Io { .. })));
        fs::remove_dir(&taken).unwrap();
        // Left by a process that was killed.
        fs::write(folder.path().join(".run.safetensors.7.saving"), b"torn").unwrap();
        sample().save(&path).unwrap();
        assert_eq!(StateDict::load(&path).unwrap(), sample());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no stray file");
    }

    #[test]
    fn a_name_the_format_needs_is_refused() {
        let mut state = sample();
        state.insert_count("__metadata__", 1);
        let message = state.to_bytes().unwrap_err().to_string();
        assert_eq!(message, "state: an entry cannot be named __metadata__");
    }
}
