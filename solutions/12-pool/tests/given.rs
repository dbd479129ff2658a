//! What no spec of the program sees of the parts that are given in lesson 12: the list of jobs after a thousand.

use solution_12::Jobs;

#[test]
fn a_thousand_jobs_that_have_ended_are_remembered() {
    let jobs = Jobs::new();
    // A job without mails has ended when it is accepted.
    let numbers: Vec<u64> = (0..1000).map(|_| jobs.accept(Vec::new()).0).collect();
    assert!(jobs.status(numbers[0]).is_some());
    jobs.accept(Vec::new());
    assert!(jobs.status(numbers[0]).is_none());
    assert!(jobs.status(numbers[1]).is_some());
}
