#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| koru_tests::fuzz::packed(data));
