//! The attribute `#[driven]`: see `koru_delta`'s module `driven` for what it is good for.

use proc_macro::{Group, Ident, Punct, Spacing, TokenStream, TokenTree};

/// Of an item whose futures are driven to their end once they are polled: each `future.await` in it becomes
/// `future.driven().await`.
#[proc_macro_attribute]
pub fn driven(_: TokenStream, item: TokenStream) -> TokenStream {
    let mut whole: TokenStream = "use crate::driven::Driven as _;".parse().unwrap_or_default();
    whole.extend(rewritten(item));
    whole
}

fn rewritten(tokens: TokenStream) -> TokenStream {
    let mut out: Vec<TokenTree> = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let mut new = Group::new(group.delimiter(), rewritten(group.stream()));
                new.set_span(group.span());
                out.push(new.into());
            }
            TokenTree::Ident(name) if name.to_string() == "await" => {
                let arguments = Group::new(proc_macro::Delimiter::Parenthesis, TokenStream::new());
                let call: [TokenTree; 3] = [
                    Ident::new("driven", name.span()).into(),
                    arguments.into(),
                    Punct::new('.', Spacing::Alone).into(),
                ];
                out.extend(call);
                out.push(name.into());
            }
            token => out.push(token),
        }
    }
    out.into_iter().collect()
}
