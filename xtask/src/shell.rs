//! Commands that stream what they print and say what they were when they fail.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Nothing, or what went wrong in words.
pub(crate) type Outcome = Result<(), String>;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}

/// A command at the root of the repository.
pub(crate) struct Shell(Command);

/// The cargo that runs this program.
pub(crate) fn cargo<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(arguments: I) -> Shell {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    shell(cargo).args(arguments)
}

/// A program by name.
pub(crate) fn shell(program: impl AsRef<OsStr>) -> Shell {
    let mut command = Command::new(program);
    command.current_dir(root());
    Shell(command)
}

impl Shell {
    pub(crate) fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.0.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    pub(crate) fn folder(mut self, folder: impl AsRef<std::path::Path>) -> Self {
        self.0.current_dir(folder);
        self
    }

    /// The command as a person would type it.
    fn text(&self) -> String {
        let program = PathBuf::from(self.0.get_program());
        let name = program.file_stem().unwrap_or(self.0.get_program()).to_os_string();
        let words: Vec<OsString> =
            [name].into_iter().chain(self.0.get_args().map(OsStr::to_os_string)).collect();
        words.join(OsStr::new(" ")).to_string_lossy().into_owned()
    }

    /// Runs it; what it prints goes to the terminal as it comes.
    pub(crate) fn run(mut self) -> Outcome {
        let text = self.text();
        match self.0.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("failed: {text} ({status})")),
            Err(e) => Err(format!("cannot run: {text}: {e}")),
        }
    }

    /// Runs it and gives what it prints; errors go to the terminal.
    pub(crate) fn output(mut self) -> Result<String, String> {
        let text = self.text();
        match self.0.stderr(Stdio::inherit()).output() {
            Ok(output) if output.status.success() => {
                String::from_utf8(output.stdout).map_err(|e| format!("{text}: {e}"))
            }
            Ok(output) => Err(format!("failed: {text} ({})", output.status)),
            Err(e) => Err(format!("cannot run: {text}: {e}")),
        }
    }
}
