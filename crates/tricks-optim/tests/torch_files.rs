//! Files of PyTorch byte by byte: of other machines, damaged, hostile.
#![cfg(feature = "torch")]
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use rawzip::{CompressionMethod, ZipArchive, ZipArchiveWriter};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::io::Write;
use std::sync::Mutex;
use tricks_optim::{Adam, Optimizer, TorchState};
use tricks_tensor::StateDict;

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// One test at a time, so that each counts its own memory.
static ALONE: Mutex<()> = Mutex::new(());

const SMALL: &[u8] = include_bytes!("data/torch/small.pt");
const ZIP64: &[u8] = include_bytes!("data/torch/zip64.pt");

/// Reads bytes, and holds all memory that was asked for, given back or not, to a few times them.
fn read(bytes: &[u8]) -> Result<TorchState, String> {
    let region = Region::new(COUNTED);
    let outcome = TorchState::from_bytes("f", bytes).map_err(|e| e.to_string());
    let taken = region.change().bytes_allocated;
    let most = 16 * bytes.len() + (4 << 20);
    assert!(taken <= most, "{taken} bytes taken for a file of {}", bytes.len());
    outcome
}

/// What an optimizer makes of it.
fn load(saved: TorchState) -> Result<StateDict, String> {
    let (mut w, mut dw) = ([0.99f32, 2.01], [0.0; 2]);
    let mut params = [("w", &mut w[..], &mut dw[..])];
    let mut adam = Optimizer::builder(Adam::torch()).bind(&mut params).unwrap();
    adam.load_torch(&saved.named(["w"])).map_err(|e| e.to_string())?;
    Ok(adam.state())
}

/// An archive as PyTorch lays it out.
fn zip(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut archive = ZipArchiveWriter::new(&mut bytes);
    for (name, data) in entries {
        let name = format!("optim/{name}");
        let new = archive.new_file(&name).compression_method(CompressionMethod::STORE);
        let (mut entry, config) = new.start().unwrap();
        let mut writer = config.wrap(&mut entry);
        writer.write_all(data).unwrap();
        let (_, descriptor) = writer.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    bytes
}

fn unzip(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let archive = ZipArchive::from_slice(bytes).unwrap();
    let entry = |entry: Result<rawzip::ZipFileHeaderRecord<'_>, _>| {
        let entry = entry.unwrap();
        let name = str::from_utf8(entry.file_path().as_bytes()).unwrap();
        let data = archive.get_entry(entry.wayfinder()).unwrap().data().to_vec();
        (name.split_once('/').unwrap().1.to_string(), data)
    };
    archive.entries().map(entry).collect()
}

/// An archive with this pickle, and one storage of 8 bytes.
fn with_pickle(pickle: &[u8]) -> Vec<u8> {
    let entry = |name: &str, data: &[u8]| (name.to_string(), data.to_vec());
    zip(&[entry("data.pkl", pickle), entry("data/0", &[0; 8]), entry("version", b"3\n")])
}

/// What is said of the pickle of these instructions.
fn refusal(instructions: &[u8]) -> String {
    let pickle = [b"\x80\x02", instructions].concat();
    let refused = read(&with_pickle(&pickle)).unwrap_err();
    refused.strip_prefix("f: ").unwrap().to_string()
}

#[test]
fn archives_of_other_writers_and_machines() {
    let _alone = ALONE.lock();
    let want = load(read(SMALL).unwrap()).unwrap();
    assert_eq!(want.get::<f32>("w/m", &[2]).unwrap(), [0.05, -0.025]);
    assert_eq!(want.count("w/t").unwrap(), 1);
    assert_eq!(load(read(ZIP64).unwrap()).unwrap(), want);

    let mut entries = unzip(SMALL);
    assert_eq!(load(read(&zip(&entries)).unwrap()).unwrap(), want);
    for (name, data) in &mut entries {
        match name.as_str() {
            "byteorder" => *data = b"big".to_vec(),
            name if name.starts_with("data/") => {
                data.chunks_exact_mut(4).for_each(<[u8]>::reverse);
            }
            _ => {}
        }
    }
    assert_eq!(load(read(&zip(&entries)).unwrap()).unwrap(), want);

    let change = |of: &str, to: &[u8]| {
        let mut entries = unzip(SMALL);
        entries.iter_mut().find(|(name, _)| name == of).unwrap().1 = to.to_vec();
        read(&zip(&entries)).unwrap_err()
    };
    let want = "f: byteorder is \"middle\", can read little and big";
    assert_eq!(change("byteorder", b"middle"), want);
    assert_eq!(change("version", b"4\n"), "f: version of the archive is \"4\", can read \"3\"");
    let refused = change("data/1", &[0; 4]);
    assert!(refused.ends_with("storage \"1\" has 4 bytes, expected 2 of f32"), "{refused}");
}

#[test]
fn archives_that_are_refused() {
    let _alone = ALONE.lock();
    let twice = [unzip(SMALL), unzip(SMALL)[..1].to_vec()].concat();
    let refused = read(&zip(&twice)).unwrap_err();
    assert_eq!(refused, "f: entry \"optim/data.pkl\" stands twice");
    let missing = &unzip(SMALL)[1..];
    assert_eq!(read(&zip(missing)).unwrap_err(), "f: the archive has no entry \"data.pkl\"");
    let longer = [SMALL, b"#!"].concat();
    assert_eq!(read(&longer).unwrap_err(), "f: 2 bytes stand after the archive");

    // The second entry lies within the numbers of the first.
    let name = |name: &str| (name.to_string(), b"12".to_vec());
    let inner = zip(&[name("b")]);
    let data = inner.windows(2).position(|data| data == b"12").unwrap();
    let mut overlap = zip(&[("a".to_string(), inner[..data + 2].to_vec()), name("b")]);
    let find = |bytes: &[u8], sign: &[u8], nth: usize| {
        let mut places = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(sign));
        places.nth(nth).unwrap()
    };
    let offset = find(&overlap, b"PK\x03\x04", 1) as u32;
    let header = find(&overlap, b"PK\x01\x02", 1);
    overlap[header + 42..header + 46].copy_from_slice(&offset.to_le_bytes());
    assert_eq!(read(&overlap).unwrap_err(), "f: entries of the archive overlap");
    let mut named = zip(&[name("a"), name("b")]);
    let at = named.windows(7).rposition(|name| name == b"optim/b").unwrap();
    named[at + 6] = b'c';
    let refused = read(&named).unwrap_err();
    assert_eq!(refused, "f: entry \"optim/c\" is described in two ways");
}

#[test]
fn every_truncation_is_refused() {
    let _alone = ALONE.lock();
    for file in [SMALL, ZIP64] {
        for len in 0..file.len() {
            assert!(read(&file[..len]).is_err(), "{len} bytes");
        }
    }
}

/// Every number of a state is under a checksum: what is still read is the same.
#[test]
fn every_flipped_bit_is_refused_or_changes_nothing() {
    let _alone = ALONE.lock();
    for file in [SMALL, ZIP64] {
        let want = load(read(file).unwrap()).unwrap();
        let mut refused = 0;
        let mut bytes = file.to_vec();
        for bit in 0..8 * file.len() {
            bytes[bit / 8] ^= 1 << (bit % 8);
            match read(&bytes) {
                Ok(saved) => assert_eq!(load(saved).as_ref(), Ok(&want), "bit {bit}"),
                Err(_) => refused += 1,
            }
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        assert!(refused > 4 * file.len(), "{refused} of {} bits", 8 * file.len());
    }
}

/// The same where checksums are right: of a file that was made so.
#[test]
fn no_damaged_pickle_panics() {
    let _alone = ALONE.lock();
    let mut entries = unzip(SMALL);
    let pickle = entries.iter().position(|(name, _)| name == "data.pkl").unwrap();
    let whole = entries[pickle].1.clone();
    for len in 0..whole.len() {
        entries[pickle].1 = whole[..len].to_vec();
        assert!(read(&zip(&entries)).is_err(), "{len} bytes");
    }
    let mut read_still = 0;
    for bit in 0..8 * whole.len() {
        entries[pickle].1 = whole.clone();
        entries[pickle].1[bit / 8] ^= 1 << (bit % 8);
        if let Ok(saved) = read(&zip(&entries)) {
            read_still += 1;
            let _ = load(saved);
        }
    }
    // Letters and digits of numbers may be others.
    assert!((1..4 * whole.len()).contains(&read_still), "{read_still} of {} bits", 8 * whole.len());
}

/// What takes luck to find.
const STARTS: &[&[u8]] = &[
    b"",
    b"ccollections\nOrderedDict\nq\0",
    b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x02tQq\x01",
    b"ctorch._utils\n_rebuild_tensor_v2\nq\x01",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases * 8))]

    #[test]
    fn no_program_panics(
        program in prop::collection::vec(
            prop_oneof![
                4 => prop::sample::select(&b"().N}]tesaquQRhK\x85\x86\x87\x88\x8a\x01"[..]),
                1 => any::<u8>(),
            ],
            0..200,
        ),
        start in prop::sample::select(STARTS),
    ) {
        let _alone = ALONE.lock();
        let pickle = [b"\x80\x02", start, &program].concat();
        if let Ok(saved) = read(&with_pickle(&pickle)) {
            let _ = load(saved);
        }
    }
}

#[test]
fn nothing_else_is_understood() {
    let _alone = ALONE.lock();
    let global = |text: &[u8], name: &str| {
        let want = format!("data.pkl, byte 2: global \"{name}\" is refused");
        assert_eq!(refusal(text), want);
    };
    global(b"cos\nsystem\n(X\x02\0\0\0idtR.", "os.system");
    global(b"cbuiltins\neval\n", "builtins.eval");
    global(b"ctorch._utils\n_rebuild_parameter\n", "torch._utils._rebuild_parameter");
    global(b"ctorch\nComplexFloatStorage\n", "torch.ComplexFloatStorage");
    global(b"cnumpy._core.multiarray\nscalar\n", "numpy._core.multiarray.scalar");
    for (op, name) in [
        (b'b', "BUILD"),
        (b'i', "INST"),
        (b'o', "OBJ"),
        (b'P', "PERSID"),
        (0x81, "NEWOBJ"),
        (0x82, "EXT1"),
        (0x93, "STACK_GLOBAL"),
        (0x95, "FRAME"),
        (0x80, "PROTO"),
    ] {
        let want = format!("data.pkl, byte 3: instruction {name} is refused");
        assert_eq!(refusal(&[b'}', op]), want);
    }
    assert_eq!(refusal(b"\xff"), "data.pkl, byte 2: 0xff is no instruction");
    let refused = read(&with_pickle(b"\x80\x04}.")).unwrap_err();
    assert_eq!(refused, "f: data.pkl is no pickle of protocol 2");
}

#[test]
fn programs_that_make_no_sense() {
    let _alone = ALONE.lock();
    for (program, want) in [
        (&b"."[..], "byte 2: the stack is too low"),
        (b"NN.", "byte 4: the pickle holds more than one object"),
        (b"(N.", "byte 4: the pickle holds more than one object"),
        (b"N.N", "byte 3: the pickle holds more than one object"),
        (b"N(a", "byte 4: the stack is too low"),
        (b"t", "byte 2: there is no mark"),
        (b"h\x05", "byte 2: there is no memo 5"),
        (b"q\x05", "byte 2: the stack is too low"),
        (b"}Na", "byte 4: appends to a dict"),
        (b"]NNs", "byte 5: sets items of a list"),
        (b"}(Nu", "byte 5: a key has no value"),
        (b"X\xff\xff\xff\xffab", "byte 2: the pickle is cut"),
        (b"X\x01\0\0\0\xff", "byte 2: a str is not UTF-8"),
        (b"\x8a\x09\x01\x01\x01\x01\x01\x01\x01\x01\x01", "byte 2: an int has more than 64 bits"),
        (b"cmodule", "byte 2: a name does not end"),
        (b"N)R", "byte 4: calls None"),
        (b"NNR", "byte 4: arguments are None, expected a tuple"),
        (b"NQ", "byte 3: None is no storage"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n)R", "byte 36: a tensor made of [] is refused"),
    ] {
        assert_eq!(refusal(program), format!("data.pkl, {want}"), "{program:?}");
    }
}

#[test]
fn objects_that_are_no_state() {
    let _alone = ALONE.lock();
    let text = |text: &str| {
        let len = (text.len() as u32).to_le_bytes();
        [b"X", &len[..], text.as_bytes()].concat()
    };
    let dict = |state: &[u8], groups: &[u8]| {
        let (name, groups_name) = (text("state"), text("param_groups"));
        refusal(&[b"}", &name[..], state, b"s", &groups_name, groups, b"s."].concat())
    };
    let group = |params: &[u8]| [b"]}", &text("params")[..], params, b"sa"].concat();
    assert_eq!(refusal(b"N."), "the object is None, expected a dict");
    assert_eq!(refusal(b"}."), "holds no state");
    let want = "holds \"epoch\"; expected state and param_groups alone";
    assert_eq!(refusal(&[b"}", &text("epoch")[..], b"Ns."].concat()), want);
    assert_eq!(dict(b"}", b"N"), "param_groups is None, expected a list");
    assert_eq!(dict(b"}", b"]}a"), "group 0: holds no params");
    assert_eq!(dict(b"}", &group(b"]Na")), "group 0: params holds None, expected ints");
    let twice = dict(b"}", &group(b"](K\x04K\x04e"));
    assert_eq!(twice, "parameter 4 is in param_groups twice");
    let unknown = dict(b"}K\x05}s", &group(b"]K\x04a"));
    assert_eq!(unknown, "state has 5, which is no parameter of a group");
    let doubled = dict(b"}K\x04}sK\x04}s", &group(b"]K\x04a"));
    assert_eq!(doubled, "state of parameter 0: stands twice");
    assert_eq!(
        dict(b"}K\x04Ns", &group(b"]K\x04a")),
        "state of parameter 0: it is None, expected a dict"
    );
}

/// Few bytes that ask for much.
#[test]
fn a_hostile_file_takes_no_memory() {
    let _alone = ALONE.lock();
    let needs = |program: &[u8]| {
        let refused = refusal(program);
        assert!(refused.contains("its objects need more than"), "{refused}");
    };
    let many = 1 << 20;
    for op in [b"]", b"}", b")", b"N", b"("] {
        needs(&op.repeat(many));
    }
    let memo: Vec<u8> =
        (0..200_000u32).flat_map(|k| [b"r", &k.to_le_bytes()[..]].concat()).collect();
    needs(&[b"N", &memo[..]].concat());
    // Every parameter's state is one and the same, of many entries.
    let entry = |k: u32| [b"X\x03\0\0\0", &format!("{k:03}").as_bytes()[..3], b"N"].concat();
    let entries: Vec<u8> = (0..1000).flat_map(entry).collect();
    let indices = |from: u16, after: &[u8]| -> Vec<u8> {
        (from..5000).flat_map(|k| [b"M", &k.to_le_bytes()[..], after].concat()).collect()
    };
    let (first, others, params) = (b"M\0\0}q\x01(", indices(1, b"h\x01"), indices(0, b""));
    let state = [b"}(", &first[..], &entries, b"u", &others, b"u"].concat();
    let groups = [b"]}X\x06\0\0\0params](", &params[..], b"esa"].concat();
    let root = [b"}(X\x05\0\0\0state", &state[..], b"X\x0c\0\0\0param_groups", &groups, b"u."];
    needs(&root.concat());
}
