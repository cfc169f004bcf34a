//! The tables of README.md, printed from the registry.

use crate::shell::{Outcome, cargo, root};
use std::fs;

const BEGIN: &str = "<!-- techniques -->";
const END: &str = "<!-- /techniques -->";

/// Rewrites the block between the markers, or only says whether it is current.
pub(crate) fn run(check: bool) -> Outcome {
    let path = root().join("README.md");
    let old = fs::read_to_string(&path).map_err(|e| format!("README.md: cannot read: {e}"))?;
    let tables =
        cargo(["run", "--package", "tricks-conformance"]).args(["--", "--tables"]).output()?;
    let new = replace(&old, &tables)?;
    if new == old {
        println!("README.md: the tables are current");
        return Ok(());
    }
    if check {
        return Err(
            "README.md: the tables are not those of the registry; run `cargo xtask readme`".into(),
        );
    }
    fs::write(&path, new).map_err(|e| format!("README.md: cannot write: {e}"))?;
    println!("README.md: tables written");
    Ok(())
}

fn replace(text: &str, block: &str) -> Result<String, String> {
    let missing = || format!("README.md: no block between {BEGIN} and {END}; add the two markers");
    let (before, rest) = text.split_once(BEGIN).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    Ok(format!("{before}{BEGIN}\n{}\n{END}{after}", block.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_block_changes() {
        let text = format!("a\n{BEGIN}\nold\n{END}\nz\n");
        let once = replace(&text, "| new |\n").unwrap();
        assert_eq!(once, format!("a\n{BEGIN}\n| new |\n{END}\nz\n"));
        assert_eq!(replace(&once, "| new |\n").unwrap(), once);
        assert!(replace("no markers", "x").is_err());
    }
}
