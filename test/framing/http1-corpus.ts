/**
 * Streams of HTTP/1.1 bytes, what must come out of them, and the clause that decides it.
 *
 * The corpus runs through `lib/framing/http1.ts` cut at every place, and through Node's own server
 * and client over sockets. `docs/http1-conformance.md` is made from both results.
 */
import type { FrameErrorCode } from '#lib/framing/frame.ts'

export interface CorpusEntry {
  /** What the codec does: the rest of a sentence that starts with its name. */
  name: string
  clause: string
  /** One character per byte. */
  bytes: string
  /** `POST /x HTTP/1.1 "body"` or `200 OK "body"` for each message. */
  frames: string[]
  error: FrameErrorCode | null
  /** The method of the request that a response answers, when it is not GET. */
  method?: 'HEAD' | 'CONNECT'
  /** Why the codec refuses what Node takes, or takes something else. */
  why?: string
  /** The rule by which the codec takes what Node, or one version of it, refuses. */
  beyond?: string
  /** What else there is to say. */
  note?: string
}

const LATER_MINOR = 'RFC 9110 §6.2: a recipient SHOULD take a later minor version as its own'
const MALFORMED = 'ERR_FRAME_MALFORMED'
const TOO_LARGE = 'ERR_FRAME_TOO_LARGE'
const TRUNCATED = 'ERR_FRAME_TRUNCATED'

/** Lines, each with CR LF, and the empty line that ends a head. */
export function head(...lines: string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** A GET request with these field lines. */
function get(...fields: string[]): string {
  return head('GET / HTTP/1.1', 'Host: a', ...fields)
}

/** A POST request with these field lines and this body. */
function post(fields: string[], body: string): string {
  return head('POST / HTTP/1.1', 'Host: a', ...fields) + body
}

function chunks(body: string): string {
  return post(['Transfer-Encoding: chunked'], body)
}

const GET = 'GET / HTTP/1.1 ""'
const HELLO = 'POST / HTTP/1.1 "hello"'

function takes(clause: string, name: string, bytes: string, ...frames: string[]): CorpusEntry {
  return { name: `takes ${name}`, clause, bytes, frames, error: null }
}

function refuses(clause: string, name: string, bytes: string, why?: string): CorpusEntry {
  const entry = { name: `refuses ${name}`, clause, bytes, frames: [], error: MALFORMED } as const
  return why === undefined ? { ...entry, frames: [] } : { ...entry, frames: [], why }
}

function noted(note: string, entry: CorpusEntry): CorpusEntry {
  return { ...entry, note }
}

/** What the RFC demands of a recipient, and Node does not do. */
function beyondNode(beyond: string, entry: CorpusEntry): CorpusEntry {
  return { ...entry, beyond }
}

function refusesAfter(frames: string[], entry: CorpusEntry): CorpusEntry {
  return { ...entry, frames }
}

function tooLarge(entry: CorpusEntry): CorpusEntry {
  return { ...entry, error: TOO_LARGE }
}

function cutOff(clause: string, name: string, bytes: string, ...frames: string[]): CorpusEntry {
  return { name: `reports ${name}`, clause, bytes, frames, error: TRUNCATED }
}

const parsing: CorpusEntry[] = [
  takes('9112 §2.1', 'a head without fields beyond Host and no body', get(), GET),
  takes('9112 §2.2', 'one empty line before a request-line', `\r\n${get()}`, GET),
  takes('9112 §2.2', 'empty lines between requests', `${get()}\r\n\r\n${get()}`, GET, GET),
  takes('9112 §2.2', 'an empty line after the last request', `${get()}\r\n`, GET),
  refuses(
    '9112 §2.2',
    'LF alone at the end of the request-line',
    'GET / HTTP/1.1\nHost: a\r\n\r\n',
  ),
  refuses('9112 §2.2', 'LF alone at the end of a field line', 'GET / HTTP/1.1\r\nHost: a\n\r\n'),
  refuses('9112 §2.2', 'LF alone at the end of a head', 'GET / HTTP/1.1\r\nHost: a\r\n\n'),
  refuses('9112 §2.2', 'LF alone at every line end', 'GET / HTTP/1.1\nHost: a\n\n'),
  refuses('9112 §2.2', 'LF alone in a field value', get('X: a\nb')),
  refuses('9112 §2.2', 'CR alone in a request-line', head('GET /\r HTTP/1.1', 'Host: a')),
  refuses('9112 §2.2', 'CR alone in a field value', get('X: a\rb')),
  refuses('9112 §2.2', 'CR alone in a field name', get('X\rY: a')),
  refuses('9112 §2.2', 'CR alone instead of a line end', get('X: a\rContent-Length: 5')),
  refuses('9112 §2.2', 'CR CR LF at a line end', get('X: a\r')),
  refuses('9112 §2.2', 'CR CR LF at the end of a head', 'GET / HTTP/1.1\r\nHost: a\r\n\r\r\n'),
  refuses('9112 §2.2', 'white space before the first field', head('GET / HTTP/1.1', ' Host: a')),
  refuses('9112 §3', 'white space before the request-line', ` ${get()}`),
  refuses('9112 §2.2', 'a byte order mark before the request-line', `\xef\xbb\xbf${get()}`),
  refuses('9112 §2.2', 'a TLS ClientHello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'),
  refuses('9112 §2.1', 'a response where a request is due', head('HTTP/1.1 200 OK', 'Host: a')),
  cutOff('9112 §8', 'a stream that ends inside a request-line', 'GET / HT'),
  cutOff('9112 §8', 'a stream that ends inside a field line', 'GET / HTTP/1.1\r\nHost: a'),
  cutOff('9112 §8', 'a stream that ends before the empty line', 'GET / HTTP/1.1\r\nHost: a\r\n'),
  cutOff('9112 §8', 'a stream that ends between CR and LF', 'GET / HTTP/1.1\r\nHost: a\r\n\r'),
  cutOff('9112 §8', 'a second request that is cut off', `${get()}GET / HTTP/1.1\r\n`, GET),
]

const versions: CorpusEntry[] = [
  takes('9112 §2.3', 'HTTP/1.0', head('GET / HTTP/1.0'), 'GET / HTTP/1.0 ""'),
  noted(LATER_MINOR, refuses('9110 §6.2', 'HTTP/1.2', head('GET / HTTP/1.2', 'Host: a'))),
  refuses(
    '9112 §2.3',
    'HTTP/2.0',
    head('GET / HTTP/2.0', 'Host: a'),
    'a major version that is not 1 has another message syntax',
  ),
  refuses('9112 §2.3', 'the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  refuses(
    '9112 §2.3',
    'HTTP/0.9 with a version',
    head('GET / HTTP/0.9', 'Host: a'),
    'a major version that is not 1 has another message syntax',
  ),
  refuses('9112 §2.3', 'HTTP/0.9 without a version', 'GET /\r\n'),
  refuses('9112 §2.3', 'lower case in the version', head('GET / http/1.1', 'Host: a')),
  refuses('9112 §2.3', 'a minor version of two digits', head('GET / HTTP/1.10', 'Host: a')),
  refuses('9112 §2.3', 'a version with a leading zero', head('GET / HTTP/01.1', 'Host: a')),
  refuses('9112 §2.3', 'a comma in the version', head('GET / HTTP/1,1', 'Host: a')),
  refuses('9112 §2.3', 'a version without minor', head('GET / HTTP/1', 'Host: a')),
  refuses('9112 §2.3', 'another protocol name', head('GET / ICE/1.0', 'Host: a')),
]

const BAD_PORT = 'RFC 9110 §9.3.6: a server MUST refuse an empty or invalid port'
const NO_PORT = 'a port of TCP is a number of 16 bits'
const EMPTY_HOST = 'RFC 9110 §4.2.1: an empty host MUST be refused'
const BAD_LITERAL = 'RFC 3986 §3.2.2: an IPv6 address, or a later form with its version'

/** A CONNECT request for this target. */
function connect(target: string): string {
  return head(`CONNECT ${target} HTTP/1.1`, 'Host: a')
}

/** A GET request for a target in absolute-form. */
function absolute(authority: string, path = '/x'): string {
  return head(`GET http://${authority}${path} HTTP/1.1`, 'Host: a')
}

const requestLines: CorpusEntry[] = [
  refuses(
    '9112 §3',
    'two spaces before the target',
    head('GET  / HTTP/1.1', 'Host: a'),
    'the grammar has single spaces; §3 warns that lenient parsing lets requests be smuggled',
  ),
  refuses(
    '9112 §3',
    'two spaces after the target',
    head('GET /  HTTP/1.1', 'Host: a'),
    'the grammar has single spaces; §3 warns that lenient parsing lets requests be smuggled',
  ),
  refuses('9112 §3', 'a tab after the method', head('GET\t/ HTTP/1.1', 'Host: a')),
  refuses('9112 §3', 'a tab after the target', head('GET /\tHTTP/1.1', 'Host: a')),
  refuses('9112 §3', 'a space after the version', head('GET / HTTP/1.1 ', 'Host: a')),
  refuses('9112 §3', 'a fourth word', head('GET / x HTTP/1.1', 'Host: a')),
  refuses('9112 §3', 'no target', head('GET HTTP/1.1', 'Host: a')),
  refuses('9112 §3', 'an empty target', head('GET  HTTP/1.1', 'Host: a')),
  refuses('9112 §3', 'a NUL in the target', head('GET /\0 HTTP/1.1', 'Host: a')),
  refuses('9112 §3.1', 'no method', head(' / HTTP/1.1', 'Host: a')),
  refuses('9112 §3.1', 'a method in lower case', head('get / HTTP/1.1', 'Host: a')),
  refuses('9112 §3.1', 'a method that is not known', head('FETCH / HTTP/1.1', 'Host: a')),
  refuses(
    '9112 §3.1',
    'a method that goes on after a known one',
    head('GETS / HTTP/1.1', 'Host: a'),
  ),
  refuses('9112 §3.1', 'a delimiter in the method', head('GE(T / HTTP/1.1', 'Host: a')),
  takes(
    '9112 §3.2.1',
    'a target in origin-form',
    head('GET /where?q=now&x=%20 HTTP/1.1', 'Host: a'),
    'GET /where?q=now&x=%20 HTTP/1.1 ""',
  ),
  takes(
    '9112 §3.2.2',
    'a target in absolute-form',
    head('GET http://a.example:80/x?y HTTP/1.1', 'Host: a.example:80'),
    'GET http://a.example:80/x?y HTTP/1.1 ""',
  ),
  ...['h+p', 'h2-x.y'].map(scheme =>
    beyondNode(
      '§3.2.2: a server MUST accept absolute-form; RFC 3986 §3.1: digits, plus, minus, dot',
      takes(
        '9112 §3.2.2',
        `the scheme ${scheme}`,
        head(`GET ${scheme}://a/ HTTP/1.1`, 'Host: a'),
        `GET ${scheme}://a/ HTTP/1.1 ""`,
      ),
    ),
  ),
  refuses(
    '9112 §3.2.2',
    'a scheme that starts with a digit',
    head('GET 2h://a/ HTTP/1.1', 'Host: a'),
  ),
  takes(
    '9112 §3.2.3',
    'a target in authority-form for CONNECT',
    head('CONNECT a.example:443 HTTP/1.1', 'Host: a.example:443'),
    'CONNECT a.example:443 HTTP/1.1 ""',
  ),
  takes(
    '9112 §3.2.4',
    'a target in asterisk-form for OPTIONS',
    head('OPTIONS * HTTP/1.1', 'Host: a'),
    'OPTIONS * HTTP/1.1 ""',
  ),
  refuses(
    '9112 §3.2',
    'a fragment in the target',
    head('GET /#top HTTP/1.1', 'Host: a'),
    'no form of request-target has a fragment',
  ),
  refuses('9112 §3.2', 'a byte above 0x7f in the target', head('GET /\xe4 HTTP/1.1', 'Host: a')),
  refuses('9112 §3.2', 'DEL in the target', head('GET /\x7f HTTP/1.1', 'Host: a')),
  refuses('9112 §3.2.1', 'a relative path', head('GET where HTTP/1.1', 'Host: a')),
  refuses(
    '9112 §3.2.2',
    'user information in absolute-form',
    head('GET http://u:p@a/ HTTP/1.1', 'Host: a'),
    'RFC 9110 §4.2.4: treat as an error, it hides the host',
  ),
  refuses(
    '9112 §3.2.2',
    'absolute-form without a host',
    head('GET http:///x HTTP/1.1', 'Host: a'),
    'RFC 9110 §4.2.1: an http URI with an empty host MUST be refused',
  ),
  refuses('9112 §3.2.3', 'authority-form for GET', head('GET a:443 HTTP/1.1', 'Host: a')),
  refuses(
    '9112 §3.2.3',
    'origin-form for CONNECT',
    head('CONNECT / HTTP/1.1', 'Host: a'),
    'CONNECT has authority-form only',
  ),
  refuses('9112 §3.2.3', 'CONNECT without a port', connect('a'), BAD_PORT),
  ...[
    ['an empty port', 'a:'],
    ['port 0, which nobody can listen on', 'a:0'],
    ['a port above 65535', 'a:65536'],
    ['a port of five nines', 'a:99999'],
    ['a port of 400 digits', `a:1${'0'.repeat(399)}`],
    ['an IPv6 address without a port', '[::1]'],
  ].map(([what, target]) =>
    refuses('9110 §9.3.6', `CONNECT to ${what}`, connect(target!), BAD_PORT),
  ),
  refuses(
    '9110 §9.3.6',
    'CONNECT to an empty host',
    connect(':80'),
    'a tunnel needs a host; RFC 9110 §4.2.1 refuses an empty one in URIs',
  ),
  refuses('9110 §9.3.6', 'CONNECT to a wrong IPv6 address', connect('[1::2::3]:80'), BAD_LITERAL),
  ...['a:1', 'a:65535', 'a:00443', '[::1]:443', '[::ffff:192.0.2.1]:443', '[v1.a:b]:443'].map(
    target =>
      takes(
        '9110 §9.3.6',
        `CONNECT to ${target}`,
        connect(target),
        `CONNECT ${target} HTTP/1.1 ""`,
      ),
  ),
  refuses('9110 §4.2.1', 'an empty host before a port', absolute(':80'), EMPTY_HOST),
  refuses('9110 §4.2.1', 'an empty host before a query', absolute('', '?x'), EMPTY_HOST),
  refuses('9110 §4.2.1', 'a port above 65535 in absolute-form', absolute('a:65536'), NO_PORT),
  refuses('9110 §4.2.1', 'a port of five nines in absolute-form', absolute('a:99999'), NO_PORT),
  refuses('9110 §4.2.1', 'a wrong IPv6 address in absolute-form', absolute('[::g]'), BAD_LITERAL),
  refuses('9110 §4.2.1', 'more after an IPv6 address', absolute('[::1]a'), BAD_LITERAL),
  ...['a:65535', 'a:', 'a:00080', '[::1]', '[::1]:80', '[v1.a:b]'].map(authority =>
    takes(
      '9110 §4.2.1',
      `${authority} in absolute-form`,
      absolute(authority),
      `GET http://${authority}/x HTTP/1.1 ""`,
    ),
  ),
  refuses(
    '9112 §3.2.4',
    'asterisk-form for GET',
    head('GET * HTTP/1.1', 'Host: a'),
    'asterisk-form is for OPTIONS only',
  ),
  refuses(
    '9112 §3.2.4',
    'more after the asterisk',
    head('OPTIONS *x HTTP/1.1', 'Host: a'),
    'asterisk-form is one character',
  ),
]

const TWO_HOSTS = 'a server MUST answer 400 to more than one Host field line'
const BAD_HOST = 'a server MUST answer 400 to an invalid Host field value'
const hosts: CorpusEntry[] = [
  refuses('9112 §3.2', 'HTTP/1.1 without Host', head('GET / HTTP/1.1')),
  refuses('9112 §3.2', 'Host twice with the same value', get('Host: a'), TWO_HOSTS),
  refuses('9112 §3.2', 'Host twice with different values', get('Host: b'), TWO_HOSTS),
  refuses(
    '9112 §3.2',
    'Host twice in HTTP/1.0',
    head('GET / HTTP/1.0', 'Host: a', 'host: b'),
    TWO_HOSTS,
  ),
  refuses('9112 §3.2', 'a list in Host', head('GET / HTTP/1.1', 'Host: a, b'), BAD_HOST),
  refuses('9112 §3.2', 'a space in Host', head('GET / HTTP/1.1', 'Host: a b'), BAD_HOST),
  refuses('9112 §3.2', 'a path in Host', head('GET / HTTP/1.1', 'Host: a/b'), BAD_HOST),
  refuses('9112 §3.2', 'user information in Host', head('GET / HTTP/1.1', 'Host: u@a'), BAD_HOST),
  refuses(
    '9112 §3.2',
    'a port that is no number',
    head('GET / HTTP/1.1', 'Host: a:http'),
    BAD_HOST,
  ),
  ...[
    ['a port above 65535', 'a:65536'],
    ['a port of nine digits', 'a:999999999'],
    ['an empty host before a port', ':80'],
    ['an address of twelve colons', '[::::::::::::1]'],
    ['an address of nine groups', '[1:2:3:4:5:6:7:8:9]'],
    ['an address in brackets that is not IPv6', '[1.2.3.4]'],
    ['a zone behind an address', '[fe80::1%25lo]'],
    ['a later form of address without its version', '[v.a]'],
    ['an address without its bracket', '[::1'],
    ['more after an address', '[::1]80'],
  ].map(([what, host]) =>
    refuses('9112 §3.2', `a Host with ${what}`, head('GET / HTTP/1.1', `Host: ${host}`), BAD_HOST),
  ),
  ...['a:65535', 'a:0', 'a:', 'a:000080', '[1::6:0.0.0.255]', '[ABCD:ef01::2]:80', '[vF.a:b]'].map(
    host => takes('9112 §3.2', `${host} as Host`, head('GET / HTTP/1.1', `Host: ${host}`), GET),
  ),
  takes('9112 §3.2', 'an empty Host', head('GET / HTTP/1.1', 'Host:'), GET),
  takes('9112 §3.2', 'a Host with a port', head('GET / HTTP/1.1', 'Host: a.example:8080'), GET),
  takes('9112 §3.2', 'an IPv6 address as Host', head('GET / HTTP/1.1', 'Host: [::1]:80'), GET),
]

const fields: CorpusEntry[] = [
  takes('9110 §5.5', 'an empty field value', get('X:'), GET),
  takes('9110 §5.3', 'a field of the same name twice', get('X: 1', 'x: 2'), GET),
  takes('9112 §5.1', 'spaces and tabs around a field value', get('X: \t a b \t'), GET),
  takes('9110 §5.5', 'bytes above 0x7f in a field value', get('X: \x80\xff'), GET),
  takes(
    '9110 §5.6.2',
    'every token character in a field name',
    get("!#$%&'*+-.^_`|~09azAZ: x"),
    GET,
  ),
  refuses('9112 §5.1', 'a space before the colon', get('X : a')),
  refuses('9112 §5.1', 'a tab before the colon', get('X\t: a')),
  refuses('9110 §5.1', 'a space inside a field name', get('X Y: a')),
  refuses('9110 §5.1', 'an empty field name', get(': a')),
  refuses('9112 §5', 'a line without a colon', get('X')),
  refuses('9110 §5.1', 'a delimiter in a field name', get('X(Y): a')),
  refuses('9110 §5.1', 'a byte above 0x7f in a field name', get('X\xe4: a')),
  refuses('9112 §5.2', 'a folded line that starts with a space', get('X: a', ' b')),
  refuses('9112 §5.2', 'a folded line that starts with a tab', get('X: a', '\tb')),
  refuses('9112 §5.2', 'a folded line of white space only', get('X: a', ' ')),
  refuses('9110 §5.5', 'NUL in a field value', get('X: a\0b')),
  refuses('9110 §5.1', 'NUL in a field name', get('X\0: a')),
  refuses('9110 §5.5', 'a vertical tab in a field value', get('X: a\x0bb')),
  refuses('9110 §5.5', 'ESC in a field value', get('X: \x1b[31m')),
  refuses('9110 §5.5', 'DEL in a field value', get('X: a\x7f')),
]

const TAB = 'RFC 9110 §5.6.3: a tab around a value is optional white space, as a space is'
const lengths: CorpusEntry[] = [
  takes(
    '9112 §6.2',
    'a Content-Length and that many bytes',
    post(['Content-Length: 5'], 'hello'),
    'POST / HTTP/1.1 "hello"',
  ),
  takes(
    '9112 §6.2',
    'a Content-Length of 0',
    post(['Content-Length: 0'], ''),
    'POST / HTTP/1.1 ""',
  ),
  takes(
    '9110 §8.6',
    'leading zeros',
    post(['Content-Length: 0005'], 'hello'),
    'POST / HTTP/1.1 "hello"',
  ),
  takes(
    '9112 §5.1',
    'spaces around the number',
    post(['Content-Length:  5  '], 'hello'),
    'POST / HTTP/1.1 "hello"',
  ),
  takes(
    '9112 §5.1',
    'a tab before the number',
    post(['Content-Length:\t5'], 'hello'),
    'POST / HTTP/1.1 "hello"',
  ),
  beyondNode(
    TAB,
    takes('9110 §5.5', 'a tab after the number', post(['Content-Length: 5\t'], 'hello'), HELLO),
  ),
  beyondNode(
    TAB,
    takes(
      '9110 §5.5',
      'tabs and spaces around it',
      post(['Content-Length:\t 5 \t '], 'hello'),
      HELLO,
    ),
  ),
  beyondNode(
    TAB,
    takes(
      '9110 §5.5',
      'a tab after the coding',
      post(['Transfer-Encoding: chunked\t'], '0\r\n\r\n'),
      'POST / HTTP/1.1 ""',
    ),
  ),
  refuses('9112 §6.3', 'a tab inside the number', post(['Content-Length: 5\t5'], 'hello')),
  takes(
    '9110 §10.1.4',
    'TE, which is another field than Transfer-Encoding',
    get('TE: chunked'),
    GET,
  ),
  takes(
    '9112 §5',
    'the field name in any case',
    post(['cOnTeNt-LeNgTh: 5'], 'hello'),
    'POST / HTTP/1.1 "hello"',
  ),
  takes(
    '9112 §6.3',
    'a GET with a body',
    `${get('Content-Length: 5')}hello`,
    'GET / HTTP/1.1 "hello"',
  ),
  takes(
    '9112 §6.3',
    'a request without length as one without body',
    post([], ''),
    'POST / HTTP/1.1 ""',
  ),
  takes(
    '9112 §6.3',
    'any bytes as a body',
    post(['Content-Length: 6'], '\r\n\r\n\0\n'),
    'POST / HTTP/1.1 "\r\n\r\n\0\n"',
  ),
  refuses(
    '9110 §8.6',
    'Content-Length twice with the same value',
    post(['Content-Length: 5', 'Content-Length: 5'], 'hello'),
  ),
  refuses(
    '9112 §6.3',
    'Content-Length twice with different values',
    post(['Content-Length: 5', 'content-length: 6'], 'hello!'),
  ),
  refuses('9110 §8.6', 'a list of equal numbers', post(['Content-Length: 5, 5'], 'hello')),
  refuses('9112 §6.3', 'a list of different numbers', post(['Content-Length: 5, 6'], 'hello')),
  refuses('9112 §6.3', 'an empty Content-Length', post(['Content-Length:'], '')),
  refuses('9112 §6.3', 'a blank Content-Length', post(['Content-Length: \t '], '')),
  refuses('9112 §6.3', 'a plus sign', post(['Content-Length: +5'], 'hello')),
  refuses('9112 §6.3', 'a minus sign', post(['Content-Length: -5'], 'hello')),
  refuses('9112 §6.3', 'a space inside the number', post(['Content-Length: 5 5'], 'hello')),
  refuses('9112 §6.3', 'a hexadecimal number', post(['Content-Length: 0x5'], 'hello')),
  refuses('9112 §6.3', 'a fraction', post(['Content-Length: 5.0'], 'hello')),
  refuses('9112 §6.3', 'an exponent', post(['Content-Length: 5e0'], 'hello')),
  refuses('9112 §6.3', 'an underscore in the number', post(['Content-Length: 1_0'], '0123456789')),
  refuses('9112 §6.3', 'digits of another script', post(['Content-Length: \xd9\xa5'], 'hello')),
  refuses('9112 §6.3', 'a quoted number', post(['Content-Length: "5"'], 'hello')),
  refuses('9112 §6.3', 'a form feed after the number', post(['Content-Length: 5\f'], 'hello')),
  tooLarge(
    refuses('9110 §8.6', 'a length of 2^53', post(['Content-Length: 9007199254740992'], 'x')),
  ),
  tooLarge(
    refuses(
      '9110 §8.6',
      'a length of 2^64 (0 after overflow)',
      post(['Content-Length: 18446744073709551616'], ''),
    ),
  ),
  tooLarge(
    refuses(
      '9110 §8.6',
      'a length of 2^64 + 5 (5 after overflow)',
      post(['Content-Length: 18446744073709551621'], 'hello'),
    ),
  ),
  tooLarge(
    refuses(
      '9110 §8.6',
      'a length of 400 digits',
      post([`Content-Length: 1${'0'.repeat(399)}`], 'hello'),
    ),
  ),
  tooLarge(
    refuses(
      '9110 §8.6',
      'a length above the limit, before a byte of body',
      post(['Content-Length: 1048577'], ''),
    ),
  ),
  cutOff('9112 §6.3', 'a body that is too short', post(['Content-Length: 6'], 'hello')),
  refusesAfter(
    ['POST / HTTP/1.1 "hell"'],
    refuses(
      '9112 §6.3',
      'the byte after a body as a request',
      post(['Content-Length: 4'], 'hell\0'),
    ),
  ),
]

const ONLY_CHUNKED = 'a server may answer 501 to a coding it does not know; chunked is the only one'
const EMPTY_ELEMENT = 'RFC 9110 §5.6.1.2 ignores empty elements, but a hidden coding is an attack'
const codings: CorpusEntry[] = [
  takes('9112 §6.1', 'chunked', chunks('5\r\nhello\r\n0\r\n\r\n'), 'POST / HTTP/1.1 "hello"'),
  takes(
    '9112 §6.1',
    'the coding name in any case',
    post(['transfer-encoding: ChunKed'], '5\r\nhello\r\n0\r\n\r\n'),
    'POST / HTTP/1.1 "hello"',
  ),
  refuses(
    '9112 §6.1',
    'Content-Length before Transfer-Encoding (CL.TE)',
    post(['Content-Length: 6', 'Transfer-Encoding: chunked'], '0\r\n\r\nG'),
  ),
  refuses(
    '9112 §6.1',
    'Transfer-Encoding before Content-Length (TE.CL)',
    post(['Transfer-Encoding: chunked', 'Content-Length: 3'], '1\r\nZ\r\n0\r\n\r\n'),
  ),
  refuses(
    '9112 §6.1',
    'Transfer-Encoding with a Content-Length of 0',
    post(['Content-Length: 0', 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
  ),
  refuses(
    '9112 §6.1',
    'Transfer-Encoding in HTTP/1.0',
    `${head('POST / HTTP/1.0', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    'a recipient MUST treat the framing as faulty',
  ),
  ...[
    ['gzip before chunked', 'gzip, chunked', ONLY_CHUNKED],
    ['chunked before gzip', 'chunked, gzip'],
    ['chunked twice in a list', 'chunked, chunked'],
    ['identity', 'identity'],
    ['identity after chunked', 'chunked, identity'],
    ['a letter before chunked', 'xchunked'],
    ['a letter after chunked', 'chunkedx'],
    ['chunked in quotes', '"chunked"'],
    ['chunked with a parameter', 'chunked;q=1'],
    ['chunked after an empty list element', ', chunked', EMPTY_ELEMENT],
    ['chunked before an empty list element', 'chunked,'],
    ['two words', 'x chunked'],
    [
      'an empty value',
      '',
      '§6.3: chunked is not the last coding: 400; Node 20 reads a request without body',
    ],
    ['a vertical tab before chunked', '\x0bchunked'],
    ['a vertical tab after chunked', 'chunked\x0b'],
    ['a NUL after chunked', 'chunked\0'],
    ['a no-break space before chunked', '\xa0chunked'],
    ['a CR before chunked', '\rchunked'],
    ['a LF before chunked', '\nchunked'],
    ['a folded chunked', '\r\n chunked'],
  ].map(([name, value, why]) =>
    refuses(
      '9112 §6.1',
      `Transfer-Encoding with ${name} (TE.TE)`,
      post([`Transfer-Encoding: ${value}`], '0\r\n\r\n'),
      why,
    ),
  ),
  refuses(
    '9112 §6.1',
    'Transfer-Encoding twice',
    post(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
  ),
  refuses(
    '9112 §6.1',
    'Transfer-Encoding twice with an unknown coding (TE.TE)',
    post(['Transfer-Encoding: chunked', 'Transfer-Encoding: cow'], '0\r\n\r\n'),
  ),
  refuses(
    '9112 §6.1',
    'Transfer-Encoding twice with an unknown coding first (TE.TE)',
    post(['Transfer-Encoding: cow', 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
    ONLY_CHUNKED,
  ),
  refuses(
    '9112 §5.1',
    'a space between Transfer-Encoding and its colon (TE.TE)',
    post(['Transfer-Encoding : chunked'], '0\r\n\r\n'),
  ),
  refuses(
    '9112 §5.2',
    'Transfer-Encoding on a folded line (TE.TE)',
    post(['X: a', ' Transfer-Encoding: chunked'], '0\r\n\r\n'),
  ),
  refusesAfter(
    ['POST / HTTP/1.1 ""'],
    refuses(
      '9112 §6.1',
      'the chunks after Transfer_Encoding, which is another field',
      post(['Transfer_Encoding: chunked'], '0\r\n\r\n'),
    ),
  ),
]

const BAD_SPACE = 'RFC 9110 §5.6.3: a recipient MUST remove this bad white space'
const chunked: CorpusEntry[] = [
  takes('9112 §7.1', 'several chunks', chunks('2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n'), HELLO),
  takes(
    '9112 §7.1',
    'sizes in upper and lower case',
    chunks('a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n'),
    'POST / HTTP/1.1 "01234567890123456789a"',
  ),
  takes('9112 §7.1', 'leading zeros in a size', chunks('0005\r\nhello\r\n0\r\n\r\n'), HELLO),
  takes('9112 §7.1', 'a last chunk of several zeros', chunks('5\r\nhello\r\n000\r\n\r\n'), HELLO),
  takes(
    '9112 §7.1',
    'CR and LF inside the data',
    chunks('4\r\n\r\n\r\n\r\n0\r\n\r\n'),
    'POST / HTTP/1.1 "\r\n\r\n"',
  ),
  takes(
    '9112 §7.1',
    'a request after the last chunk',
    `${chunks('5\r\nhello\r\n0\r\n\r\n')}${get()}`,
    HELLO,
    GET,
  ),
  refuses('9112 §7.1', 'an empty size', chunks('\r\nhello\r\n0\r\n\r\n')),
  refuses('9112 §7.1', 'a size with 0x', chunks('0x5\r\nhello\r\n0\r\n\r\n')),
  refuses('9112 §7.1', 'a minus sign before a size', chunks('-5\r\nhello\r\n0\r\n\r\n')),
  refuses('9112 §7.1', 'a plus sign before a size', chunks('+5\r\nhello\r\n0\r\n\r\n')),
  refuses('9112 §7.1', 'a space before a size', chunks(' 5\r\nhello\r\n0\r\n\r\n')),
  refuses('9112 §7.1', 'a space after a size', chunks('5 \r\nhello\r\n0\r\n\r\n')),
  refuses('9112 §7.1', 'a tab after a size', chunks('5\t\r\nhello\r\n0\r\n\r\n')),
  refuses('9112 §7.1', 'a letter that is no digit', chunks('5g\r\nhello\r\n0\r\n\r\n')),
  refuses('9112 §7.1', 'an underscore in a size', chunks('0_5\r\nhello\r\n0\r\n\r\n')),
  refuses('9112 §7.1', 'a NUL after a size', chunks('5\0\r\nhello\r\n0\r\n\r\n')),
  tooLarge(
    refuses(
      '9112 §7.1',
      'a size of 2^64 + 5 (5 after overflow)',
      chunks('10000000000000005\r\nhello\r\n0\r\n\r\n'),
    ),
  ),
  tooLarge(refuses('9112 §7.1', 'a size of 2^63 - 1', chunks('7fffffffffffffff\r\nhello\r\n'))),
  tooLarge(
    refuses(
      '9112 §7.1',
      'chunks whose sum overflows',
      chunks('5\r\nhello\r\nfffffffffffffffe\r\nhello\r\n0\r\n\r\n'),
    ),
  ),
  refuses('9112 §7.1', 'LF alone after a size', chunks('5\nhello\r\n0\r\n\r\n')),
  refuses('9112 §7.1', 'CR alone after a size', chunks('5\rhello\r\n0\r\n\r\n')),
  refuses('9112 §7.1', 'data that is not followed by CR LF', chunks('5\r\nhello0\r\n\r\n')),
  refuses('9112 §7.1', 'data followed by LF alone', chunks('5\r\nhello\n0\r\n\r\n')),
  refuses('9112 §7.1', 'data followed by CR alone', chunks('5\r\nhello\r0\r\n\r\n')),
  refuses('9112 §7.1', 'data that is longer than its size', chunks('4\r\nhello\r\n0\r\n\r\n')),
  refuses('9112 §7.1', 'LF alone after the last chunk', chunks('5\r\nhello\r\n0\n\n')),
  refuses('9112 §7.1', 'LF alone at the end of the body', chunks('5\r\nhello\r\n0\r\n\n')),
  cutOff('9112 §8', 'a body that ends inside a size', chunks('5')),
  cutOff('9112 §8', 'a body that ends inside the data', chunks('5\r\nhel')),
  cutOff('9112 §8', 'a body that ends before the last chunk', chunks('5\r\nhello\r\n')),
  cutOff('9112 §8', 'a body that ends before the last empty line', chunks('5\r\nhello\r\n0\r\n')),
  takes('9112 §7.1.1', 'an extension without value', chunks('5;a\r\nhello\r\n0;b\r\n\r\n'), HELLO),
  takes(
    '9112 §7.1.1',
    'several extensions without value',
    chunks('5;a;b;c\r\nhello\r\n0;d;e\r\n\r\n'),
    HELLO,
  ),
  takes('9112 §7.1.1', 'an extension with value', chunks('5;a=b;c=d\r\nhello\r\n0\r\n\r\n'), HELLO),
  takes('9112 §7.1.1', 'a quoted value', chunks('5;a="b c";d\r\nhello\r\n0\r\n\r\n'), HELLO),
  takes(
    '9112 §7.1.1',
    'an escaped quote in a quoted value',
    chunks('5;a="b\\"c"\r\nhello\r\n0\r\n\r\n'),
    HELLO,
  ),
  ...[
    ['a space before the semicolon', '5 ;a'],
    ['a tab after the semicolon', '5;\ta'],
    ['a space before the equals sign', '5;a =b'],
    ['a space after the equals sign', '5;a= b'],
    ['white space around everything', '5 \t; a \t= "b;c" ; d'],
  ].map(([what, size]) =>
    beyondNode(
      BAD_SPACE,
      takes('9112 §7.1.1', what!, chunks(`${size}\r\nhello\r\n0\r\n\r\n`), HELLO),
    ),
  ),
  refuses('9112 §7.1.1', 'a space after an extension', chunks('5;a \r\nhello\r\n0\r\n\r\n')),
  refuses('9112 §7.1.1', 'a space in a name', chunks('5;a b\r\nhello\r\n0\r\n\r\n')),
  refuses(
    '9112 §7.1.1',
    'an extension without name',
    chunks('5;=b\r\nhello\r\n0\r\n\r\n'),
    'chunk-ext-name is a token: 1 character or more',
  ),
  refuses('9112 §7.1.1', 'a semicolon without extension', chunks('5;\r\nhello\r\n0\r\n\r\n')),
  refuses(
    '9112 §7.1.1',
    'an equals sign without value',
    chunks('5;a=\r\nhello\r\n0\r\n\r\n'),
    'chunk-ext-val is a token or a quoted-string',
  ),
  refuses('9112 §7.1.1', 'a quote that is not closed', chunks('5;a="b\r\nhello\r\n0\r\n\r\n')),
  refuses('9112 §7.1.1', 'more after a closed quote', chunks('5;a="b"c\r\nhello\r\n0\r\n\r\n')),
  refuses('9112 §7.1.1', 'LF alone in an extension', chunks('5;a\nhello\r\n0\r\n\r\n')),
  refuses('9112 §7.1.1', 'LF alone in a quoted value', chunks('5;a="\n"\r\nhello\r\n0\r\n\r\n')),
  refuses('9112 §7.1.1', 'CR LF in a quoted value', chunks('5;a="\r\n"\r\nhello\r\n0\r\n\r\n')),
  refuses(
    '9112 §7.1.1',
    'an escaped CR in a quoted value',
    chunks('5;a="\\\r\n"\r\nhello\r\n0\r\n\r\n'),
  ),
  refuses('9112 §7.1.1', 'CR alone in an extension', chunks('5;a\rX\r\nhello\r\n0\r\n\r\n')),
  refuses('9112 §7.1.1', 'NUL in an extension', chunks('5;a\0\r\nhello\r\n0\r\n\r\n')),
  takes('9112 §7.1.2', 'a trailer', chunks('5\r\nhello\r\n0\r\nX: 1\r\nY: 2\r\n\r\n'), HELLO),
  refuses('9112 §7.1.2', 'a space before the colon in a trailer', chunks('0\r\nX : 1\r\n\r\n')),
  refuses('9112 §7.1.2', 'a folded line in a trailer', chunks('0\r\nX: 1\r\n 2\r\n\r\n')),
  refuses('9112 §7.1.2', 'LF alone in a trailer', chunks('0\r\nX: 1\n\r\n')),
  refuses('9112 §7.1.2', 'NUL in a trailer', chunks('0\r\nX: \0\r\n\r\n')),
  noted(
    'a field that frames messages is not allowed there',
    refuses('9110 §6.5.1', 'Content-Length in a trailer', chunks('0\r\nContent-Length: 5\r\n\r\n')),
  ),
  noted(
    'a field that frames messages is not allowed there',
    refuses(
      '9110 §6.5.1',
      'Transfer-Encoding in a trailer',
      chunks('0\r\nTransfer-Encoding: chunked\r\n\r\n'),
    ),
  ),
  refuses(
    '9110 §6.5.1',
    'Host in a trailer',
    chunks('0\r\nHost: b\r\n\r\n'),
    'a field that routes requests is not allowed there',
  ),
  cutOff('9112 §8', 'a trailer that is cut off', chunks('0\r\nX: 1\r\n')),
]

const connections: CorpusEntry[] = [
  takes(
    '9112 §9.3',
    'several requests of one connection',
    `${get()}${post(['Content-Length: 5'], 'hello')}${get()}`,
    GET,
    HELLO,
    GET,
  ),
  takes(
    '9112 §9.3',
    'a second HTTP/1.0 request after keep-alive',
    head('GET / HTTP/1.0', 'Connection: Keep-Alive') + head('GET /2 HTTP/1.0'),
    'GET / HTTP/1.0 ""',
    'GET /2 HTTP/1.0 ""',
  ),
  beyondNode(
    TAB,
    takes(
      '9110 §5.5',
      'a second HTTP/1.0 request after keep-alive with a tab behind it',
      head('GET / HTTP/1.0', 'Connection: keep-alive\t') + head('GET / HTTP/1.0'),
      'GET / HTTP/1.0 ""',
      'GET / HTTP/1.0 ""',
    ),
  ),
  noted(
    'Node 20 trims no tab here, and leaves the connection open',
    takes('9112 §9.3', 'close with a tab behind it', get('Connection: close\t'), GET),
  ),
  takes(
    '9112 §9.3',
    'options of a connection that are not close',
    get('Connection: x, closed') + get(),
    GET,
    GET,
  ),
  refusesAfter(
    [GET],
    refuses('9112 §9.6', 'a request after close', get('Connection: close') + get()),
  ),
  refusesAfter(
    [GET],
    refuses(
      '9112 §9.6',
      'a request after close among other options',
      get('Connection: keep-alive, CLOSE') + get(),
    ),
  ),
  refusesAfter(
    [GET],
    refuses(
      '9112 §9.6',
      'a request after close on a second line',
      get('Connection: x', 'Connection: close') + get(),
    ),
  ),
  refusesAfter(
    ['GET / HTTP/1.0 ""'],
    refuses(
      '9112 §9.3',
      'a request after HTTP/1.0',
      head('GET / HTTP/1.0') + head('GET / HTTP/1.0'),
    ),
  ),
  takes('9112 §9.6', 'an empty line after close', `${get('Connection: close')}\r\n`, GET),
  takes(
    '9110 §10.1.1',
    'Expect: 100-continue',
    post(['Expect: 100-continue', 'Content-Length: 5'], 'hello'),
    HELLO,
  ),
  refuses(
    '9110 §9.3.6',
    'CONNECT with a length',
    `${head('CONNECT a:443 HTTP/1.1', 'Host: a:443', 'Content-Length: 5')}hello`,
    'Node starts the tunnel before the body: two readings of the same bytes',
  ),
  refuses(
    '9110 §9.3.6',
    'CONNECT with chunks',
    `${head('CONNECT a:443 HTTP/1.1', 'Host: a:443', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    'Node starts the tunnel before the body: two readings of the same bytes',
  ),
  takes(
    '9112 §11.2',
    'a request inside a body as body',
    post([`Content-Length: ${get().length}`], get()),
    `POST / HTTP/1.1 "${get()}"`,
  ),
]

export const requestCorpus: readonly CorpusEntry[] = [
  ...parsing,
  ...versions,
  ...requestLines,
  ...hosts,
  ...fields,
  ...lengths,
  ...codings,
  ...chunked,
  ...connections,
]

const OK = '200 OK ""'

/** A response of the first status line, with these field lines and this body. */
function ok(fields: string[], body = ''): string {
  return head('HTTP/1.1 200 OK', ...fields) + body
}

const EMPTY = ['Content-Length: 0']

const statusLines: CorpusEntry[] = [
  takes('9112 §4', 'a response without body', ok(EMPTY), OK),
  takes('9112 §4', 'HTTP/1.0', head('HTTP/1.0 200 OK', ...EMPTY), OK),
  takes('9112 §4', 'an empty reason', head('HTTP/1.1 200 ', ...EMPTY), '200  ""'),
  takes(
    '9112 §4',
    'a status-line without the last space',
    head('HTTP/1.1 200', ...EMPTY),
    '200  ""',
  ),
  takes(
    '9112 §4',
    'a reason of several words',
    head('HTTP/1.1 404 Not\tFound', ...EMPTY),
    '404 Not\tFound ""',
  ),
  takes(
    '9112 §4',
    'bytes above 0x7f in a reason',
    head('HTTP/1.1 200 \xd6K', ...EMPTY),
    '200 \xd6K ""',
  ),
  takes('9110 §15', 'a status of no known class', head('HTTP/1.1 799 x', ...EMPTY), '799 x ""'),
  refuses('9112 §4', 'a status of two digits', head('HTTP/1.1 20 OK', ...EMPTY)),
  refuses('9112 §4', 'a status of four digits', head('HTTP/1.1 2000 OK', ...EMPTY)),
  refuses('9112 §4', 'a status of letters', head('HTTP/1.1 abc OK', ...EMPTY)),
  refuses(
    '9110 §15',
    'a status below 100',
    head('HTTP/1.1 099 x', ...EMPTY),
    'valid codes are 100 to 599; §15 has others read as 5xx, but what is class 0 to a parser?',
  ),
  refuses('9112 §4', 'two spaces before the status', head('HTTP/1.1  200 OK', ...EMPTY)),
  refuses('9112 §4', 'a tab before the status', head('HTTP/1.1\t200 OK', ...EMPTY)),
  refuses('9112 §4', 'a reason that is not apart', head('HTTP/1.1 200OK', ...EMPTY)),
  refuses('9112 §4', 'no status', head('HTTP/1.1', ...EMPTY)),
  refuses(
    '9112 §4',
    'a NUL in the reason',
    head('HTTP/1.1 200 O\0K', ...EMPTY),
    'reason-phrase is HTAB, SP, VCHAR and obs-text',
  ),
  refuses('9112 §4', 'a CR in the reason', head('HTTP/1.1 200 O\rK', ...EMPTY)),
  refuses('9112 §2.2', 'LF alone after the status-line', 'HTTP/1.1 200 OK\n\r\n'),
  refuses(
    '9112 §9.2',
    'an empty line before the status-line',
    `\r\n${ok(EMPTY)}`,
    '§9.2 lets a client discard CR LF only while no request is open',
  ),
  refuses('9112 §4', 'white space before the status-line', ` ${ok(EMPTY)}`),
  refuses('9112 §2.3', 'HTTP/2 as version', head('HTTP/2 200 OK', ...EMPTY)),
  noted(LATER_MINOR, refuses('9110 §6.2', 'HTTP/1.2', head('HTTP/1.2 200 OK', ...EMPTY))),
  refuses('9112 §2.3', 'lower case in the version', head('http/1.1 200 OK', ...EMPTY)),
  refuses('9112 §2.3', 'ICY as protocol', head('ICY 200 OK', ...EMPTY)),
  refuses('9112 §2.1', 'a request where a response is due', get()),
  cutOff('9112 §8', 'a stream that ends inside a status-line', 'HTTP/1.1 200'),
  cutOff('9112 §8', 'a stream that ends inside a head', 'HTTP/1.1 200 OK\r\nX: 1\r\n'),
]

const FOLDED = '§5.2: a user agent MUST replace the fold by spaces'
const responseFields: CorpusEntry[] = [
  refuses('9112 §5.1', 'a space before the colon', ok(['X : 1', ...EMPTY])),
  refuses('9112 §5.1', 'a space between Content-Length and its colon', ok(['Content-Length : 0'])),
  ...[
    ['a folded line that starts with a space', ['X: 1', ' 2', ...EMPTY]],
    ['a folded line that starts with a tab', ['X: 1', '\t2', ...EMPTY]],
    ['a value folded over several lines', ['X: 1', ' 2', '\t 3', ' ', 'Y: 4', ' 5', ...EMPTY]],
    ['a fold behind the last field', [...EMPTY, 'X:', ' 2']],
  ].map(([what, lines]) =>
    beyondNode(FOLDED, takes('9112 §5.2', what as string, ok(lines as string[]), OK)),
  ),
  ...[
    ['Content-Length', ['Content-Length: 0', ' ', 'X: 1']],
    ['the value of Content-Length', ['Content-Length:', ' 0']],
    ['Transfer-Encoding', ['Transfer-Encoding: chunked', '\t, x']],
    ['Connection', [...EMPTY, 'Connection: x,', ' close']],
  ].map(([what, lines]) =>
    noted(
      'a field that frames the message is not unfolded: two readers might see two lengths',
      refuses('9112 §5.2', `a fold behind ${what}`, ok(lines as string[])),
    ),
  ),
  refuses('9112 §2.2', 'white space before the first field', ok([' X: 1', ...EMPTY])),
  refuses('9110 §5.5', 'NUL in a field value', ok(['X: \0', ...EMPTY])),
  refuses('9112 §2.2', 'CR alone in a field value', ok(['X: a\rb', ...EMPTY])),
  refuses(
    '9112 §2.2',
    'LF alone after a field',
    'HTTP/1.1 200 OK\r\nX: 1\nContent-Length: 0\r\n\r\n',
  ),
  takes('9110 §5.3', 'Set-Cookie twice', ok(['Set-Cookie: a=1', 'Set-Cookie: b=2', ...EMPTY]), OK),
]

function answers(method: 'HEAD' | 'CONNECT', entry: CorpusEntry): CorpusEntry {
  return { ...entry, method }
}

const NO_BODY = ['Content-Length: 5']
const CHUNKED = ['Transfer-Encoding: chunked']
const LARGEST = '18446744073709551615'
const ABOVE_64_BITS =
  'RFC 9110 §8.6: any number of digits is a length, and here it measures no body'
const responseBodies: CorpusEntry[] = [
  answers('HEAD', takes('9112 §6.3', 'an answer to HEAD with a length', ok(NO_BODY), OK)),
  answers(
    'HEAD',
    takes(
      '9112 §6.3',
      'an answer to HEAD with a length above the limit',
      ok(['Content-Length: 9007199254740992']),
      OK,
    ),
  ),
  answers(
    'HEAD',
    takes(
      '9110 §8.6',
      'an answer to HEAD with a length of 2^64 - 1',
      ok([`Content-Length: 000${LARGEST}`]),
      OK,
    ),
  ),
  ...[
    ['2^64', '18446744073709551616'],
    ['23 digits', '99999999999999999999999'],
  ].map(([size, digits]) =>
    answers(
      'HEAD',
      beyondNode(
        ABOVE_64_BITS,
        takes(
          '9110 §8.6',
          `an answer to HEAD with a length of ${size}`,
          ok([`Content-Length: ${digits}`]),
          OK,
        ),
      ),
    ),
  ),
  answers('HEAD', takes('9112 §6.3', 'an answer to HEAD with chunked', ok(CHUNKED), OK)),
  answers('HEAD', takes('9112 §6.3', 'an answer to HEAD without length', ok([]), OK)),
  answers(
    'CONNECT',
    takes('9112 §6.3', 'the bytes after 200 to CONNECT as a tunnel', ok([], '\0tunnel'), OK),
  ),
  answers(
    'CONNECT',
    takes(
      '9112 §6.3',
      '200 to CONNECT with a length that does not count',
      ok(NO_BODY, '\0tunnel'),
      OK,
    ),
  ),
  answers('CONNECT', {
    ...takes(
      '9112 §6.3',
      'a refusal of CONNECT with a body',
      `${head('HTTP/1.1 407 No', ...NO_BODY)}sorry`,
      '407 No "sorry"',
    ),
    why: "Node gives the socket to its 'connect' listener whatever the status, body unread",
  }),
  takes('9112 §6.3', '204 without body', head('HTTP/1.1 204 None'), '204 None ""'),
  takes('9112 §6.3', '204 with a length', head('HTTP/1.1 204 None', ...NO_BODY), '204 None ""'),
  takes('9112 §6.3', '304 with a length', head('HTTP/1.1 304 Same', ...NO_BODY), '304 Same ""'),
  takes(
    '9110 §8.6',
    '304 with a length of 2^64 - 1',
    head('HTTP/1.1 304 Same', `Content-Length: ${LARGEST}`),
    '304 Same ""',
  ),
  ...['103 Early Hints', '204 None', '304 Same'].map(status =>
    beyondNode(
      ABOVE_64_BITS,
      takes(
        '9110 §8.6',
        `${status.slice(0, 3)} with a length of 2^64`,
        head(`HTTP/1.1 ${status}`, 'Content-Length: 18446744073709551616'),
        `${status} ""`,
      ),
    ),
  ),
  ...[
    ['a length of 2^64', ['Content-Length: 18446744073709551616']],
    ['a length that is no number', ['Content-Length: x']],
    ['two lengths', ['Content-Length: 1', 'Content-Length: 2']],
    ['a length and a coding', ['Content-Length: 1', 'Transfer-Encoding: gzip']],
  ].map(([what, lines]) =>
    answers(
      'CONNECT',
      beyondNode(
        '§6.3: a client MUST ignore both fields in 2xx to CONNECT',
        takes('9112 §6.3', `200 to CONNECT with ${what}`, ok(lines as string[], '\0x'), OK),
      ),
    ),
  ),
  ...[
    ['a second response to one request', ok(EMPTY)],
    ['an interim response to no request', head('HTTP/1.1 103 x')],
  ].map(([what, more]) =>
    refusesAfter(
      [OK],
      refuses('9112 §9.2', what!, ok(EMPTY) + more, 'it belongs to no request; Node drops it'),
    ),
  ),
  takes('9112 §9.2', 'CR LF after the last response', `${ok(EMPTY)}\r\n\r\n`, OK),
  takes('9112 §6.3', '304 with chunked', head('HTTP/1.1 304 Same', ...CHUNKED), '304 Same ""'),
  takes(
    '9110 §15.2',
    'interim responses, then the final one',
    head('HTTP/1.1 100 Continue') + head('HTTP/1.1 103 Early Hints', 'Link: </x>') + ok(EMPTY),
    '100 Continue ""',
    '103 Early Hints ""',
    OK,
  ),
  refuses(
    '9110 §15.2',
    'an interim response in HTTP/1.0, which has none',
    head('HTTP/1.0 100 Continue') + ok(EMPTY),
    'HTTP/1.0 has no status of this class',
  ),
  takes(
    '9112 §6.3',
    'an interim response with a length that does not count',
    head('HTTP/1.1 104 x', ...NO_BODY) + ok(EMPTY),
    '104 x ""',
    OK,
  ),
  refusesAfter(
    ['103 x ""'],
    refuses(
      '9112 §9.6',
      'the response after an interim one with close',
      head('HTTP/1.1 103 x', 'Connection: close') + ok(EMPTY),
    ),
  ),
  takes(
    '9112 §6.3',
    'the bytes after 101 as another protocol',
    `${head('HTTP/1.1 101 Switch', 'Connection: upgrade', 'Upgrade: x')}\0other`,
    '101 Switch ""',
  ),
  takes('9112 §6.3', 'a body with a length', ok(NO_BODY, 'hello'), '200 OK "hello"'),
  takes('9112 §6.3', 'a chunked body', ok(CHUNKED, '5\r\nhello\r\n0\r\n\r\n'), '200 OK "hello"'),
  takes('9112 §6.3', 'a body that ends with the connection', ok([], 'hello'), '200 OK "hello"'),
  takes('9112 §6.3', 'an empty body that ends with the connection', ok([]), OK),
  takes(
    '9112 §6.3',
    'an HTTP/1.0 body that ends with the connection',
    `${head('HTTP/1.0 200 OK')}hello`,
    '200 OK "hello"',
  ),
  cutOff('9112 §8', 'a body that is too short', ok(NO_BODY, 'hell')),
  cutOff('9112 §8', 'a chunked body that is cut off', ok(CHUNKED, '5\r\nhello\r\n')),
  cutOff(
    '9110 §15.2',
    'an interim response with nothing after it',
    `${head('HTTP/1.1 100 Continue')}HTTP`,
    '100 Continue ""',
  ),
]

const responseLengths: CorpusEntry[] = [
  refuses(
    '9110 §8.6',
    'Content-Length twice with the same value',
    ok([...NO_BODY, ...NO_BODY], 'hello'),
  ),
  refuses(
    '9112 §6.3',
    'Content-Length twice with different values',
    ok([...NO_BODY, 'Content-Length: 6'], 'hello!'),
  ),
  refuses('9110 §8.6', 'a list in Content-Length', ok(['Content-Length: 5, 5'], 'hello')),
  refuses('9112 §6.3', 'a plus sign in Content-Length', ok(['Content-Length: +5'], 'hello')),
  refuses('9112 §6.3', 'an empty Content-Length', ok(['Content-Length:'], 'hello')),
  refuses('9112 §6.3', 'a bad Content-Length in 204', head('HTTP/1.1 204 x', 'Content-Length: x')),
  refuses(
    '9112 §6.3',
    'Content-Length with Transfer-Encoding',
    ok([...NO_BODY, ...CHUNKED], '0\r\n\r\n'),
  ),
  refuses(
    '9112 §6.1',
    'Transfer-Encoding in HTTP/1.0',
    `${head('HTTP/1.0 200 OK', ...CHUNKED)}0\r\n\r\n`,
    'a recipient MUST treat the framing as faulty',
  ),
  refuses(
    '9112 §6.1',
    'a coding that is not chunked',
    ok(['Transfer-Encoding: gzip'], 'hello'),
    'such a body ends with the connection, and cannot be read without the coding',
  ),
  refuses(
    '9112 §6.1',
    'gzip before chunked',
    ok(['Transfer-Encoding: gzip, chunked'], '0\r\n\r\n'),
    'the body cannot be read without the coding',
  ),
  refuses(
    '9112 §6.1',
    'chunked before gzip',
    ok(['Transfer-Encoding: chunked, gzip'], '0\r\n\r\n'),
    'such a body ends with the connection, and cannot be read without the coding',
  ),
  refuses('9112 §7.1', 'a bad chunk size', ok(CHUNKED, 'x\r\n\r\n')),
  refuses('9112 §7.1', 'LF alone after a chunk size', ok(CHUNKED, '5\nhello\r\n0\r\n\r\n')),
  tooLarge(
    refuses(
      '9112 §7.1',
      'a chunk size that overflows',
      ok(CHUNKED, '10000000000000005\r\nhello\r\n0\r\n\r\n'),
    ),
  ),
  refusesAfter(
    [OK],
    noted(
      'they belong to no request',
      refuses(
        '9112 §9.6',
        'bytes after a response that closes',
        ok([...EMPTY, 'Connection: close'], 'x'),
      ),
    ),
  ),
]

export const responseCorpus: readonly CorpusEntry[] = [
  ...statusLines,
  ...responseFields,
  ...responseBodies,
  ...responseLengths,
]
