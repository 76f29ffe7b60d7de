//! What a worker decides, by table and by what holds of every decision.

mod asking;
mod due;
mod ended;
mod report;
