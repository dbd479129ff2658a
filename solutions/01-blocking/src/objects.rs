//! serde's derive takes an array for a struct: `["ann@example.org", …]` would be a mail. Our types refuse it.

/// Implements `Deserialize` and `Serialize` for types that travel as a JSON object and as nothing else.
///
/// Each of them also derives both, with `#[serde(remote = "Self")]`: serde then writes two functions that read and
/// write the fields, which these call (<https://serde.rs/remote-derive.html>).
#[macro_export]
macro_rules! objects_only {
    ($($type:ty),+ $(,)?) => { $(
        impl<'de> ::serde::Deserialize<'de> for $type {
            fn deserialize<D: ::serde::Deserializer<'de>>(input: D) -> ::std::result::Result<Self, D::Error> {
                struct Object;
                impl<'de> ::serde::de::Visitor<'de> for Object {
                    type Value = $type;

                    fn expecting(&self, text: &mut ::std::fmt::Formatter) -> ::std::fmt::Result {
                        text.write_str("an object")
                    }

                    fn visit_map<A: ::serde::de::MapAccess<'de>>(
                        self,
                        fields: A,
                    ) -> ::std::result::Result<$type, A::Error> {
                        <$type>::deserialize(::serde::de::value::MapAccessDeserializer::new(fields))
                    }
                }
                input.deserialize_map(Object)
            }
        }

        impl ::serde::Serialize for $type {
            fn serialize<S: ::serde::Serializer>(&self, output: S) -> ::std::result::Result<S::Ok, S::Error> {
                <$type>::serialize(self, output)
            }
        }
    )+ };
}
