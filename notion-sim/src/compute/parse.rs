//! Formulas as text: reading them into a tree, and printing the tree the way Notion reads it back.

use std::fmt::{self, Write as _};

/// How deep a formula may nest, and how many operators and dots it may have: what walks the tree uses the stack.
const NESTING: usize = 100;
const LINKS: usize = 300;

/// One formula, or a part of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Number(f64),
    Text(String),
    Bool(bool),
    List(Vec<Expr>),
    /// A property of the page, by name or id.
    Property(String),
    /// `current`, `index`, or a name that `let` gave.
    Name(String),
    Not(Box<Expr>),
    Negative(Box<Expr>),
    Binary(&'static str, Box<Expr>, Box<Expr>),
    Choice(Box<Expr>, Box<Expr>, Box<Expr>),
    Call(String, Vec<Expr>),
    /// A call behind a dot.
    Method(Box<Expr>, String, Vec<Expr>),
}

/// The text is no formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAFormula;

/// Operators by how tightly they bind, loosest first; each with the words that mean it.
const LEVELS: [&[(&str, &str)]; 6] = [
    &[("or", "or"), ("||", "or")],
    &[("and", "and"), ("&&", "and")],
    &[("==", "=="), ("!=", "!=")],
    &[(">=", ">="), ("<=", "<="), (">", ">"), ("<", "<")],
    &[("+", "+"), ("-", "-")],
    &[("*", "*"), ("/", "/"), ("%", "%")],
];

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(f64),
    Text(String),
    Word(String),
    Property(String),
    Sign(&'static str),
}

const SIGNS: [&str; 24] = [
    "==", "!=", ">=", "<=", "&&", "||", ">", "<", "+", "-", "*", "/", "%", "^", "(", ")", "[", "]",
    ",", ".", "?", ":", "!", "=",
];

/// Reads a formula.
pub(crate) fn parse(text: &str) -> Result<Expr, NotAFormula> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        nesting: 0,
        links: 0,
    };
    // The editor of the app puts one in front at times.
    parser.take("=");
    let expr = parser.choice()?;
    if parser.at == parser.tokens.len() {
        Ok(expr)
    } else {
        Err(NotAFormula)
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, NotAFormula> {
    let mut out = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else {
            return Ok(out);
        };
        if let Some(comment) = rest.strip_prefix("/*") {
            rest = &comment[comment.find("*/").ok_or(NotAFormula)? + 2..];
        } else if let Some(reference) = rest.strip_prefix("{{") {
            let end = reference.find("}}").ok_or(NotAFormula)?;
            let fields = reference[..end].strip_prefix("notion:block_property:");
            let id = fields.and_then(|fields| fields.split(':').next());
            out.push(Token::Property(id.ok_or(NotAFormula)?.to_owned()));
            rest = &reference[end + 2..];
        } else if first == '"' {
            let (text, after) = quoted(&rest[1..])?;
            out.push(Token::Text(text));
            rest = after;
        } else if first.is_ascii_digit() {
            let end = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .unwrap_or(rest.len());
            // `2.round()` is a call, not a fraction.
            let digits = rest[..end].trim_end_matches('.');
            out.push(Token::Number(digits.parse().map_err(|_| NotAFormula)?));
            rest = &rest[digits.len()..];
        } else if first.is_alphabetic() || first == '_' {
            let end = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            out.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            let sign = *sign.ok_or(NotAFormula)?;
            out.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        }
    }
}

/// The text up to the closing quote, and what is behind it.
fn quoted(rest: &str) -> Result<(String, &str), NotAFormula> {
    let mut text = String::new();
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((text, &rest[at + 1..])),
            '\\' => match chars.next().ok_or(NotAFormula)?.1 {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                other => text.push(other),
            },
            other => text.push(other),
        }
    }
    Err(NotAFormula)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    nesting: usize,
    links: usize,
}

impl Parser {
    fn link(&mut self) -> Result<(), NotAFormula> {
        self.links += 1;
        if self.links > LINKS {
            return Err(NotAFormula);
        }
        Ok(())
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = match self.tokens.get(self.at) {
            Some(Token::Sign(found)) => *found == sign,
            Some(Token::Word(found)) => found == sign,
            _ => false,
        };
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), NotAFormula> {
        if self.take(sign) {
            Ok(())
        } else {
            Err(NotAFormula)
        }
    }

    fn choice(&mut self) -> Result<Expr, NotAFormula> {
        self.nesting += 1;
        if self.nesting > NESTING {
            return Err(NotAFormula);
        }
        let mut expr = self.binary(0)?;
        if self.take("?") {
            let yes = self.choice()?;
            self.expect(":")?;
            let no = self.choice()?;
            expr = Expr::Choice(Box::new(expr), Box::new(yes), Box::new(no));
        }
        self.nesting -= 1;
        Ok(expr)
    }

    fn binary(&mut self, level: usize) -> Result<Expr, NotAFormula> {
        let Some(operators) = LEVELS.get(level) else {
            return self.prefix();
        };
        let mut left = self.binary(level + 1)?;
        while let Some((_, operator)) = operators.iter().find(|(word, _)| self.take(word)) {
            self.link()?;
            let right = self.binary(level + 1)?;
            left = Expr::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn prefix(&mut self) -> Result<Expr, NotAFormula> {
        let mut signs = Vec::new();
        loop {
            // `not(x)` reads the same either way.
            if self.take("!") || self.take("not") {
                signs.push('!');
            } else if self.take("-") {
                signs.push('-');
            } else {
                break;
            }
            self.link()?;
        }
        let mut expr = self.power()?;
        while let Some(sign) = signs.pop() {
            expr = match (sign, expr) {
                ('-', Expr::Number(number)) => Expr::Number(-number),
                ('-', expr) => Expr::Negative(Box::new(expr)),
                (_, expr) => Expr::Not(Box::new(expr)),
            };
        }
        Ok(expr)
    }

    fn power(&mut self) -> Result<Expr, NotAFormula> {
        let base = self.postfix()?;
        if !self.take("^") {
            return Ok(base);
        }
        self.link()?;
        let exponent = self.prefix()?;
        Ok(Expr::Binary("^", Box::new(base), Box::new(exponent)))
    }

    fn postfix(&mut self) -> Result<Expr, NotAFormula> {
        let mut expr = self.atom()?;
        while self.take(".") {
            self.link()?;
            let Some(Token::Word(name)) = self.tokens.get(self.at).cloned() else {
                return Err(NotAFormula);
            };
            self.at += 1;
            let arguments = if self.take("(") {
                self.list(")")?
            } else {
                Vec::new()
            };
            expr = Expr::Method(Box::new(expr), name, arguments);
        }
        Ok(expr)
    }

    fn atom(&mut self) -> Result<Expr, NotAFormula> {
        let token = self.tokens.get(self.at).cloned().ok_or(NotAFormula)?;
        self.at += 1;
        Ok(match token {
            Token::Number(number) => Expr::Number(number),
            Token::Text(text) => Expr::Text(text),
            Token::Property(id) => Expr::Property(id),
            Token::Sign("(") => {
                let expr = self.choice()?;
                self.expect(")")?;
                expr
            }
            Token::Sign("[") => Expr::List(self.list("]")?),
            Token::Sign(_) => return Err(NotAFormula),
            Token::Word(word) if word == "true" => Expr::Bool(true),
            Token::Word(word) if word == "false" => Expr::Bool(false),
            Token::Word(word) => {
                if !self.take("(") {
                    return Ok(Expr::Name(word));
                }
                let mut arguments = self.list(")")?;
                match (word.as_str(), arguments.as_slice()) {
                    ("prop", [Expr::Text(name)]) => Expr::Property(name.clone()),
                    ("prop", _) => return Err(NotAFormula),
                    _ => Expr::Call(word, std::mem::take(&mut arguments)),
                }
            }
        })
    }

    fn list(&mut self, end: &str) -> Result<Vec<Expr>, NotAFormula> {
        let mut out = Vec::new();
        while !self.take(end) {
            if !out.is_empty() {
                self.expect(",")?;
            }
            out.push(self.choice()?);
        }
        Ok(out)
    }
}

impl Expr {
    /// Changes the name of every property in it.
    pub(crate) fn rename<E>(
        &mut self,
        rename: &mut impl FnMut(&str) -> Result<String, E>,
    ) -> Result<(), E> {
        match self {
            Self::Property(name) => *name = rename(name)?,
            Self::Number(_) | Self::Text(_) | Self::Bool(_) | Self::Name(_) => {}
            Self::List(items) | Self::Call(_, items) => {
                items.iter_mut().try_for_each(|item| item.rename(rename))?;
            }
            Self::Not(inner) | Self::Negative(inner) => inner.rename(rename)?,
            Self::Binary(_, left, right) => {
                left.rename(rename)?;
                right.rename(rename)?;
            }
            Self::Choice(test, yes, no) => {
                test.rename(rename)?;
                yes.rename(rename)?;
                no.rename(rename)?;
            }
            // The property of another page is another table's.
            Self::Method(subject, name, arguments) => {
                subject.rename(rename)?;
                if name != "prop" {
                    arguments
                        .iter_mut()
                        .try_for_each(|item| item.rename(rename))?;
                }
            }
        }
        Ok(())
    }

    /// The text, with every property as `reference` says it.
    pub(crate) fn print(&self, reference: &dyn Fn(&str) -> String) -> String {
        let mut out = String::new();
        // Writing into a string does not fail.
        let _ = self.write(&mut out, reference);
        out
    }

    fn write(&self, out: &mut String, reference: &dyn Fn(&str) -> String) -> fmt::Result {
        match self {
            Self::Number(number) => write!(out, "{number}"),
            Self::Text(text) => {
                let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
                write!(out, "\"{}\"", escaped.replace('\n', "\\n"))
            }
            Self::Bool(flag) => write!(out, "{flag}"),
            Self::Name(name) => out.write_str(name),
            Self::Property(id) => out.write_str(&reference(id)),
            Self::List(items) => {
                out.push('[');
                write_list(items, out, reference)?;
                out.write_char(']')
            }
            Self::Not(inner) => {
                out.push_str("not ");
                inner.write_operand(out, reference)
            }
            Self::Negative(inner) => {
                out.push('-');
                inner.write_operand(out, reference)
            }
            Self::Binary(operator, left, right) => {
                left.write_operand(out, reference)?;
                write!(out, " {operator} ")?;
                right.write_operand(out, reference)
            }
            Self::Choice(test, yes, no) => {
                test.write_operand(out, reference)?;
                out.push_str(" ? ");
                yes.write_operand(out, reference)?;
                out.push_str(" : ");
                no.write_operand(out, reference)
            }
            Self::Call(name, arguments) => {
                write!(out, "{name}(")?;
                write_list(arguments, out, reference)?;
                out.write_char(')')
            }
            Self::Method(subject, name, arguments) => {
                subject.write_operand(out, reference)?;
                write!(out, ".{name}(")?;
                write_list(arguments, out, reference)?;
                out.write_char(')')
            }
        }
    }

    /// What has an operator of its own stands in parentheses.
    fn write_operand(&self, out: &mut String, reference: &dyn Fn(&str) -> String) -> fmt::Result {
        let is_bare = !matches!(
            self,
            Self::Not(_) | Self::Negative(_) | Self::Binary(..) | Self::Choice(..)
        );
        if is_bare {
            return self.write(out, reference);
        }
        out.push('(');
        self.write(out, reference)?;
        out.write_char(')')
    }
}

fn write_list(items: &[Expr], out: &mut String, reference: &dyn Fn(&str) -> String) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        item.write(out, reference)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(text: &str) -> String {
        let printed = |text: &str| {
            parse(text)
                .unwrap()
                .print(&|name| format!("prop(\"{name}\")"))
        };
        let once = printed(text);
        assert_eq!(printed(&once), once, "prints itself");
        once
    }

    #[test]
    fn a_formula_is_printed_as_notion_prints_it() {
        for (given, printed) in [
            (
                "50000 + dateBetween(prop(\"Hiring Date\"), now(), \"years\")*1000",
                "50000 + (dateBetween(prop(\"Hiring Date\"), now(), \"years\") * 1000)",
            ),
            (
                "if((prop(\"A\") < 0), -1, (if(empty(prop(\"B\")), toNumber(\"\"), 2)) % 7)",
                "if(prop(\"A\") < 0, -1, if(empty(prop(\"B\")), toNumber(\"\"), 2) % 7)",
            ),
            (
                "={{notion:block_property:a%3Ab:x:y}}* 2",
                "prop(\"a%3Ab\") * 2",
            ),
            (
                "prop(\"T\").includes(\"x\").length",
                "prop(\"T\").includes(\"x\").length()",
            ),
            ("1 + 2 - 3 ^ 2", "(1 + 2) - (3 ^ 2)"),
            (
                "!true && false || 2 >= 1",
                "((not true) and false) or (2 >= 1)",
            ),
            (
                "true ? [1, 2.5] : -prop(\"x\") /* why */",
                "true ? [1, 2.5] : (-prop(\"x\"))",
            ),
            (r#""a\"b\\c""#, r#""a\"b\\c""#),
            ("2.round()", "2.round()"),
        ] {
            assert_eq!(again(given), printed);
        }
    }

    #[test]
    fn what_is_no_formula_is_refused() {
        let deep = "(".repeat(10_000);
        for bad in [
            "", "1 +", "if(", "\"open", "prop(1)", "1 2", "a..b", "{{x}}", "§", &deep,
        ] {
            assert_eq!(parse(bad), Err(NotAFormula), "{bad}");
        }
        for long in ["-", "1 ^ ", "1 + "] {
            let long = format!("{}1", long.repeat(10_000));
            assert_eq!(parse(&long), Err(NotAFormula));
        }
    }
}
