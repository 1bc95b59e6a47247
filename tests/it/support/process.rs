//! Runs of the real binary.

use std::ffi::OsStr;
use std::process::{Child, Command, Output, Stdio};

/// A command that is not running yet.
pub(crate) struct Call(Command);

/// `clinichub` with `args`.
pub(crate) fn clinichub<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Call {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clinichub"));
    command.args(args).stdin(Stdio::null());
    Call(command)
}

/// Starts `clinichub` with `args`, silently.
pub(crate) fn start<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Child {
    let mut call = clinichub(args);
    call.0.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started")
}

/// Starts `clinichub` with `args`; what it says is kept.
pub(crate) fn spawned<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Child {
    let mut call = clinichub(args);
    call.0.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started")
}

impl Call {
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.0.arg(arg);
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.0.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    pub(crate) fn done(mut self) -> Done {
        Done { call: format!("{:?}", self.0), output: self.0.output().expect("started") }
    }
}

/// A command that has ended.
pub(crate) struct Done {
    call: String,
    output: Output,
}

impl Done {
    /// The end of a process that was [`spawned`].
    pub(crate) fn of(call: &str, child: Child) -> Self {
        Self { call: call.to_owned(), output: child.wait_with_output().expect("gone") }
    }

    pub(crate) fn code(&self) -> Option<i32> {
        self.output.status.code()
    }

    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    pub(crate) fn err(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// Its standard output; fails unless it exited with 0.
    pub(crate) fn passed(&self) -> String {
        self.exited(0)
    }

    /// Its standard output; fails unless it exited with `code`.
    pub(crate) fn exited(&self, code: i32) -> String {
        assert_eq!(self.code(), Some(code), "{}\n{}\n{}", self.call, self.out(), self.err());
        self.out()
    }
}
