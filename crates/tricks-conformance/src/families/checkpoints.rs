use super::not_yet;
use crate::{Run, Stop, Tensor};
use serde_json::Value;
use tricks_tensor::{Entry, StateDict, Values};

/// A file must load, or be refused with an error, as recommended; what loads must be right.
pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    if run.op() != "load" {
        return not_yet();
    }
    let file = run.text("file");
    let path = run.folder.join(file);
    let bytes = std::fs::read(&path).map_err(|e| Stop::Malformed(format!("{file}: {e}")))?;
    if let Some(size) = run.case.get("bytes").and_then(Value::as_u64) {
        let message = format!("{file} has {} bytes, the case says {size}", bytes.len());
        if size != bytes.len() as u64 {
            return Err(Stop::Malformed(message));
        }
    }
    let recommended = run.text("recommended");
    let may_load = recommended.contains("ok");
    let may_refuse = recommended.contains("error");
    if !may_load && !may_refuse {
        return Err(Stop::Malformed(format!("recommended is {recommended:?}")));
    }
    match StateDict::from_bytes(file, &bytes) {
        Ok(state) => {
            run.require(format!("loaded, should be refused: {}", run.text("why")), may_load);
            content(run, &state)
        }
        Err(error) => {
            // A valid file with other number types: refused by name, not misread.
            let message = error.to_string();
            if !may_refuse && message.contains("can read F32, F64 and U64") {
                return Err(Stop::Skip(format!("dtype not supported yet: {message}")));
            }
            run.require(format!("refused: {message}"), may_refuse);
            Ok(())
        }
    }
}

fn content(run: &mut Run<'_>, state: &StateDict) -> Result<(), Stop> {
    let Some(Value::Object(content)) = run.case.get("content") else { return Ok(()) };
    run.require(
        format!("got {} tensors, want {}", state.len(), content.len()),
        state.len() == content.len(),
    );
    for (name, want) in content {
        let want = Tensor::parse(want).map_err(Stop::Malformed)?;
        let Some(Entry { shape, values }) = state.entry(name) else {
            return Err(Stop::Fail(format!("{name} was not loaded")));
        };
        run.require(
            format!("{name}: got shape {shape:?}, want {:?}", want.shape),
            *shape == want.shape,
        );
        run.require(
            format!("{name}: got {}, want {}", values.type_name(), want.dtype),
            values.type_name() == want.dtype,
        );
        match values {
            Values::F32(got) => run.numbers(name, got, &want.data),
            Values::F64(got) => run.numbers(name, got, &want.data),
            _ => {
                return Err(Stop::Fail(format!(
                    "{name}: no way to compare {}",
                    values.type_name()
                )));
            }
        }
    }
    Ok(())
}
