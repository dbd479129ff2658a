//! `?` returns an error early, and `map_err` adds first what the program was trying to do.

// ANCHOR: shown
fn double(text: &str) -> Result<u32, String> {
    let number = text.parse::<u32>().map_err(|error| format!("cannot double {text:?}: {error}"))?;
    Ok(2 * number)
}

fn main() {
    for text in ["21", "two"] {
        match double(text) {
            Ok(number) => println!("{number}"),
            Err(error) => println!("error: {error}"),
        }
    }
}
// ANCHOR_END: shown
