//! JSON becomes a struct, or an error that says what is wrong and where.

use serde::Deserialize;
use std::io::Read;

// ANCHOR: shown
#[derive(Deserialize)]
struct Train {
    to: String,
    cars: u32,
}

fn read_train(input: impl Read) -> Result<Train, serde_json::Error> {
    serde_json::from_reader(input)
}

fn main() {
    for text in [r#"{"to": "Bern", "cars": 9}"#, r#"{"to": "Bern"}"#, r#"{"to": "Ber"#] {
        match read_train(text.as_bytes()) {
            Ok(train) => println!("{} cars to {}", train.cars, train.to),
            Err(error) => println!("{error}"),
        }
    }
}
// ANCHOR_END: shown
