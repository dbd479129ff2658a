//! Bytes come in pieces of any size. A frame is whatever ends with a newline.

// ANCHOR: shown
fn main() {
    let mut kept = String::new();
    for piece in ["ti", "ck\nto", "ck\n"] {
        kept += piece;
        while let Some(end) = kept.find('\n') {
            // Take out the frame with its newline; keep the rest for the next piece.
            let frame: String = kept.drain(..=end).collect();
            println!("after {piece:?}: the frame {frame:?}");
        }
    }
}
// ANCHOR_END: shown
