//! Processes that are killed, at any moment, and files that are left behind.

use crate::program::{Latents, data, model_and_guide};
use rushlight::prelude::*;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const STEPS: u64 = 400;
const KILLS: u32 = 50;
/// Where the child finds its file.
const CHECKPOINT: &str = "RUSHLIGHT_TEST_CHECKPOINT";

/// A folder of its own for a test, empty.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("rushlight-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).unwrap();
    folder
}

/// Goes on from the file, if there is one, to the last step, and saves after each step.
fn fit(path: Option<&Path>) -> Vec<u8> {
    let (model, guide) = model_and_guide(Latents::Stacked);
    let mut svi = Svi::new(model, guide).optimizer(Adam::new(0.02)).seed(2);
    if let Some(path) = path.filter(|p| p.exists()) {
        svi.load(path).unwrap();
    }
    let batches = Batches::new(&[&data()], 2).unwrap();
    let left = (STEPS - svi.steps_taken()) as usize;
    for batch in batches.from_step(svi.steps_taken()).take(left) {
        svi.step(&batch.unwrap()[0]).unwrap();
        if let Some(path) = path {
            svi.save(path).unwrap();
        }
    }
    svi.to_bytes().unwrap()
}

/// What a child does: no test of its own.
#[test]
#[ignore = "run by the test below, in processes that it kills"]
fn child() {
    if let Some(path) = std::env::var_os(CHECKPOINT) {
        fit(Some(Path::new(&path)));
    }
}

fn start(path: &Path) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "killed::child", "--test-threads=1"])
        .env(CHECKPOINT, path)
        .env("RAYON_NUM_THREADS", "1")
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// How many steps the file has, which is whole whatever happened; 0 if there is none yet.
fn steps_in(path: &Path) -> u64 {
    let (model, guide) = model_and_guide(Latents::Stacked);
    let mut svi = Svi::new(model, guide).optimizer(Adam::new(0.02));
    if path.exists() {
        svi.load(path).unwrap();
    }
    svi.steps_taken()
}

/// Runs that are killed at any moment, 50 times in all while they are under way, and as often as it takes while they
/// start: each ends with the bits of one that never stopped.
#[test]
fn a_run_that_is_killed_goes_on_with_equal_bits() {
    let folder = folder("killed");
    let path = folder.join("run.safetensors");
    let end = fit(None);
    let (mut kills, mut before) = (0, 0);
    // Where they are killed does not matter for the result, so a clock may decide; the time that they are given adapts
    // to the machine.
    let mut given = Duration::from_millis(5);
    let mut random = Rng::seed(0);
    while kills < KILLS {
        let mut child = start(&path);
        std::thread::sleep(given.mul_f64(f64::from(random.rows(101, 1)[0]) / 100.0));
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            assert_eq!(std::fs::read(&path).unwrap(), end);
            std::fs::remove_file(&path).unwrap();
            (given, before) = (given / 2, 0);
            continue;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let after = steps_in(&path);
        match after > before {
            true => kills += 1,
            false => given = given.mul_f64(1.5),
        }
        before = after;
    }
    assert!(start(&path).wait().unwrap().success());
    assert_eq!(std::fs::read(&path).unwrap(), end);
    std::fs::remove_dir_all(folder).unwrap();
}

/// A file cut short anywhere is refused as a whole, and so is nothing but the end of one that is being written.
#[test]
fn files_that_were_being_written() {
    let folder = folder("drafts");
    let path = folder.join("run.safetensors");
    let (model, guide) = model_and_guide(Latents::Stacked);
    let mut svi = Svi::new(model, guide).optimizer(Adam::new(0.02));
    svi.step(&data()).unwrap();
    svi.save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    // What a killed process left behind is not in the way.
    std::fs::write(folder.join(".run.safetensors.1-0.tmp"), &bytes[..bytes.len() / 2]).unwrap();
    svi.step(&data()).unwrap();
    svi.save(&path).unwrap();
    let (whole, before) = (std::fs::read(&path).unwrap(), svi.to_bytes().unwrap());
    assert_eq!(whole, before);
    for end in (0..bytes.len()).step_by(97) {
        let found = svi.load_bytes(&bytes[..end]);
        assert!(matches!(found, Err(Error::FileDamaged { .. })), "{end}: {found:?}");
    }
    assert_eq!(svi.to_bytes().unwrap(), before);
    svi.load_bytes(&bytes).unwrap();
    assert_eq!(svi.to_bytes().unwrap(), bytes);
    std::fs::remove_dir_all(folder).unwrap();
}
