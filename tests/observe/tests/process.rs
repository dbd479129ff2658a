//! What is seen of a process, on children of this test.

use observe::limit::{limit, poll};
use observe::process::{self, Mark};
use std::io::{BufRead, BufReader};
#[cfg(target_os = "linux")]
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

fn start(script: &str) -> Child {
    Command::new("sh").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_child_is_seen_with_its_parent_and_its_command() {
    let child = start("read line; exit 0");
    let info = process::info(child.id()).unwrap();
    assert_eq!(info.parent, std::process::id());
    let reads = || process::info(child.id())?.command.contains("read line").then_some(());
    assert!(poll(limit(), reads).is_some());
    assert!(process::info(child.id()).unwrap().resident_bytes > 0);
    assert!(process::children(std::process::id()).iter().any(|info| info.pid == child.id()));
    end(child);
}

#[test]
fn a_child_of_ours_has_ended_although_nobody_waited_for_it() {
    let mut child = start("exit 0");
    let is_zombie = || process::info(child.id())?.is_zombie().then_some(());
    assert!(poll(limit(), is_zombie).is_some());
    let tree = process::tree(&process::info(child.id()).into_iter().collect::<Vec<_>>());
    assert!(tree.contains("it has ended") && !tree.contains("zombie"), "{tree}");
    child.wait().unwrap();
    assert_eq!(process::info(child.id()), None);
}

#[test]
fn a_child_that_its_parent_does_not_wait_for_is_a_zombie() {
    // sleep takes the shell's place, and waits for nobody.
    let child = start("true & exec sleep 1000");
    assert!(poll(limit(), || process::zombies(child.id()).pop()).is_some());
    let tree = process::tree(
        &[process::info(child.id()).into_iter().collect(), process::children(child.id())].concat(),
    );
    assert!(tree.contains("a zombie: it has ended, and its parent has not waited for it"), "{tree}");
    end(child);
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_process_waits_in_is_told_in_words() {
    let reader = start("read line");
    let writer = start("exec yes");
    for (child, words) in [(&reader, "reading stdin"), (&writer, "writing to stdout")] {
        let told = || process::waiting_in(child.id())?.contains(words).then_some(());
        assert!(poll(limit(), told).is_some(), "{words}: {:?}", process::waiting_in(child.id()));
    }
    assert_eq!(process::threads(reader.id()), Some(1));
    assert!(process::descriptors(reader.id()).unwrap().iter().any(|(number, _)| *number == 0));
    end(reader);
    end(writer);
}

#[cfg(target_os = "linux")]
#[test]
fn processor_time_grows_while_a_process_computes() {
    let child = start("while :; do :; done");
    let computed = || process::processor_time(child.id()).filter(|time| !time.is_zero());
    assert!(poll(limit(), computed).is_some());
    let peak = process::peak_memory(child.id());
    assert!(peak.is_some_and(|bytes| (100_000..100_000_000).contains(&bytes)), "{peak:?}");
    end(child);
}

#[cfg(target_os = "linux")]
#[test]
fn the_addresses_at_which_a_process_listens_are_seen() {
    let own = || process::listening(std::process::id()).unwrap();
    for address in ["127.0.0.1:0", "127.0.0.2:0", "0.0.0.0:0", "[::1]:0", "[::]:0"] {
        // Not every machine has IPv6.
        let Ok(listener) = TcpListener::bind(address) else { continue };
        let address = listener.local_addr().unwrap();
        let seen = poll(limit(), || own().contains(&address).then_some(()));
        assert!(seen.is_some(), "{address} is not in {:?}", own());
        drop(listener);
        assert!(!own().contains(&address), "{address} is still in {:?}", own());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_option_of_a_connection_is_seen() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = listener.local_addr().unwrap();
    let stream = TcpStream::connect(peer).unwrap();
    for is_set in [false, true] {
        stream.set_nodelay(is_set).unwrap();
        // The kernel's table of sockets may lack it for a moment.
        let look = || process::nodelay(peer).filter(|seen| !seen.is_empty());
        assert_eq!(poll(limit(), look), Some(vec![is_set]));
    }
}

/// bash, since only it has a command that gives a child a process group of its own.
#[test]
fn a_family_is_found_and_ended_whatever_became_of_its_members() {
    if !Command::new("bash").arg("-c").arg("exit").status().is_ok_and(|status| status.success()) {
        return;
    }
    let mark = Mark::new();
    // With -m, each job has a group of its own. The orphan's parent has ended, the other one's lives.
    let script = "set -m; (sleep 1000 & echo $!) ; sleep 1000 & echo $!; wait";
    let mut command = Command::new("bash");
    command.args(["-c", script]).process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
    mark.put(&mut command);
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(2);
    let pids: Vec<u32> = lines.map(|line| line.unwrap().trim().parse().unwrap()).collect();
    let in_group: Vec<u32> = process::group(child.id()).iter().map(|info| info.pid).collect();
    assert!(!pids.iter().any(|pid| in_group.contains(pid)), "{pids:?} are in the group {in_group:?}");
    let family = || -> Vec<u32> { process::family(child.id(), &mark).iter().map(|info| info.pid).collect() };
    assert!(pids.iter().chain([&child.id()]).all(|pid| family().contains(pid)), "{:?}", family());

    process::end_family(child.id(), &mark);
    assert!(pids.iter().all(|pid| process::info(*pid).is_none_or(|info| info.is_zombie())));
    child.wait().unwrap();
    assert!(process::family(child.id(), &mark).iter().all(process::Info::is_zombie));
}
