//! A worker that a spec plays with a few lines of sh.

use crate::{Check, Scratch, worker};
use std::fs;
use std::path::Path;

/// A worker written in sh, in a file that goes away with it. `say` sends a message.
pub struct Script {
    file: Scratch,
}

impl Script {
    /// A worker that has read its first task when `body` begins: `$1`, `$2` … are the Message-IDs. The file is in
    /// `folder`: `env!("CARGO_TARGET_TMPDIR")`, since the disk for temporary files may be full.
    pub fn new(check: &Check, folder: impl AsRef<Path>, body: &str) -> Self {
        let read = "read -r task <&3\n\
                    set -- $(echo \"$task\" | grep -o '\"messageId\":\"[^\"]*\"' | cut -d '\"' -f 4)\n";
        Self::without_reading(check, folder, &format!("{read}{body}"))
    }

    /// A worker that does `body` as soon as it is started.
    pub fn without_reading(check: &Check, folder: impl AsRef<Path>, body: &str) -> Self {
        let file = Scratch::new(folder, "worker.sh");
        let text = format!(
            "say() {{ echo \"$1\" >&3; }}\n\
             [ \"$NODE_CHANNEL_FD\" = 3 ] || eval \"exec 3<>/dev/fd/$NODE_CHANNEL_FD\"\n\
             {body}\n"
        );
        if let Err(error) = fs::write(file.path(), text) {
            check.fail("a script in the target folder", &error.to_string());
        }
        Self { file }
    }

    /// What `WORKER` is to say.
    pub fn command(&self) -> String {
        worker(["sh".as_ref(), self.file.path()])
    }
}
