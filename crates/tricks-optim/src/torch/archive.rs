use super::Read;
use super::budget::Budget;
use rawzip::{CompressionMethod, ZipArchive, crc32};
use std::collections::BTreeMap;
use std::ops::Range;

/// The one version of the layout that PyTorch has written since its files are archives.
const VERSION: &[u8] = b"3";

/// The bytes of a file and where its entries are.
#[derive(Clone)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    entries: BTreeMap<String, Range<usize>>,
    pub(super) big_endian: bool,
}

impl Archive {
    /// Finds the entries and checks every one: stored as it is, alone in its place, with the
    /// checksum it was given.
    pub(super) fn open(bytes: Vec<u8>, budget: &mut Budget) -> Read<Self> {
        let entries = entries(&bytes, budget)?;
        let mut archive = Self { bytes, entries, big_endian: false };
        let version = archive.get("version")?.trim_ascii();
        if version != VERSION {
            let found = String::from_utf8_lossy(&version[..version.len().min(20)]);
            return Err(format!("version of the archive is {found:?}, can read \"3\""));
        }
        archive.big_endian = match archive.entries.get("byteorder") {
            // Before PyTorch 2.1: as the machine that wrote it, and that was little.
            None => false,
            Some(range) => match &archive.bytes[range.clone()] {
                b"little" => false,
                b"big" => true,
                other => {
                    let found = String::from_utf8_lossy(&other[..other.len().min(20)]);
                    return Err(format!("byteorder is {found:?}, can read little and big"));
                }
            },
        };
        Ok(archive)
    }

    pub(super) fn get(&self, name: &str) -> Read<&[u8]> {
        self.range(name).map(|range| &self.bytes[range])
    }

    pub(super) fn range(&self, name: &str) -> Read<Range<usize>> {
        self.entries.get(name).cloned().ok_or_else(|| format!("the archive has no entry {name:?}"))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The entries by name, without the folder all of them are in.
fn entries(bytes: &[u8], budget: &mut Budget) -> Read<BTreeMap<String, Range<usize>>> {
    let zip = ZipArchive::from_slice(bytes).map_err(|e| match bytes.first() {
        Some(0x80) => "is a bare pickle, of torch.save before 1.6 or of another program".into(),
        _ => format!("is no zip archive: {e}"),
    })?;
    if zip.end_offset() != bytes.len() as u64 {
        let rest = bytes.len() as u64 - zip.end_offset();
        return Err(format!("{rest} bytes stand after the archive"));
    }
    let mut entries = BTreeMap::new();
    let mut places = Vec::new();
    let mut folder: Option<String> = None;
    for entry in zip.entries() {
        let entry = entry.map_err(|e| format!("directory of the archive: {e}"))?;
        let path = entry.file_path().as_bytes();
        budget.spend(path.len() + 128)?;
        let path = str::from_utf8(path).map_err(|_| "an entry's name is not UTF-8".to_string())?;
        let wrong = |what: String| format!("entry {path:?} {what}");

        let (root, name) =
            path.split_once('/').ok_or_else(|| wrong("is in no folder".to_string()))?;
        if *folder.get_or_insert_with(|| root.to_string()) != root {
            return Err(wrong("is in another folder than the first".into()));
        }
        let method = entry.compression_method();
        if method != CompressionMethod::STORE {
            return Err(wrong(format!("is compressed ({method}), can read stored entries")));
        }
        if entry.flags().is_encrypted() {
            return Err(wrong("is encrypted".into()));
        }
        let found = zip.get_entry(entry.wayfinder()).map_err(|e| wrong(format!("is cut: {e}")))?;
        let local = found.local_header();
        if local.file_path().as_bytes() != path.as_bytes() || local.compression_method() != method {
            return Err(wrong("is described in two ways".into()));
        }
        let claim = found.claim_verifier();
        let data = found.data();
        if claim.uncompressed_size != data.len() as u64 {
            let (is, claimed) = (data.len(), claim.uncompressed_size);
            return Err(wrong(format!("has {is} bytes, its size is given as {claimed}")));
        }
        let sum = crc32(data);
        if sum != claim.crc {
            return Err(wrong(format!("has checksum {sum:08x}, not {:08x}", claim.crc)));
        }

        let (start, end) = found.compressed_data_range();
        places.push((entry.local_header_offset(), end));
        // Both are inside `bytes`, whose length is a `usize`.
        let range = start as usize..end as usize;
        if entries.insert(name.to_string(), range).is_some() {
            return Err(wrong("stands twice".into()));
        }
    }
    if zip.entries_hint() != entries.len() as u64 {
        let (claimed, found) = (zip.entries_hint(), entries.len());
        return Err(format!("the archive has {found} entries, their count is given as {claimed}"));
    }
    places.push((zip.directory_offset(), zip.eocd_offset()));
    places.sort_unstable();
    if places.windows(2).any(|pair| pair[0].1 > pair[1].0) {
        return Err("entries of the archive overlap".into());
    }
    Ok(entries)
}
