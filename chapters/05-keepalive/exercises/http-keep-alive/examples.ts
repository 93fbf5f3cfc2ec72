/** Targets that some servers decode, cut off, or put in order. */
export const TARGETS = [
  ...['/', '/%41%2f%20b', '/a+b', '/a/./b//c', '/?q=1&r=%26', '/a;b=c', "/!$'()*,:@~-._"],
  ...['/close', '/HTTP/1.0', '/Content-Length:5', '/?', '/a?', '/a??', '/a?b?c', '/a?/../b'],
  ...['//', '//a/', '/a//', '/..', '/a/..', '/.', '/%00', '/%0d%0a', '/%c3%a4', '/%C3%A4'],
  ...['/a;', '/a?&', '/a?=', '/a?b=c&b=c&', '/~', '/-', '/0', '/http://a.example/'],
]

/** Headers that only look as if they said close, or a length. */
export const INNOCENT: readonly [header: string, likelyCause: string][] = [
  ['Connection: closed', 'each word of Connection is compared as a whole: `closed` is not `close`'],
  ['Connection: not-close', 'each word of Connection is compared as a whole'],
  ['Connection: close-not, TE', 'each word of Connection is compared as a whole'],
  ['Connection: close;q=1', 'only commas separate the words of Connection'],
  ['Connection: a;close', 'only commas separate the words of Connection'],
  ['Connection: not close', 'only commas separate the words of Connection'],
  ['Connection: keep-alive', 'an HTTP/1.1 connection stays open with or without keep-alive'],
  ['Connection:', 'a header may have an empty value'],
  ['X-Connection: close', 'the name of a header is compared as a whole'],
  ['Connection-X: close', 'the name of a header is compared as a whole'],
  ['Proxy-Connection: close', 'the name of a header is compared as a whole'],
  ['X-Note: Connection: close', 'the name of a header ends at its first colon'],
  ['X-Note: a:b:c', 'a value may have colons'],
  ['X-Note: http://a.example:80/?x=y', 'a value may have colons'],
  ['X-Content-Length: 5', 'the name of a header is compared as a whole'],
  ['Content-Length-X: 5', 'the name of a header is compared as a whole'],
  ['X-Note: Content-Length: 5', 'the name of a header ends at its first colon'],
  ['X-Empty:', 'a header may have an empty value'],
  ['X-Empty: \t ', 'a header may have an empty value'],
  ['Close: close', 'the name of a header is compared as a whole'],
]

/** What a Content-Length must not be, one byte a character. */
export const BAD_LENGTHS = [
  ...['abc', '5x', '-5', '+5', '0x5', '1e1', '5.0', '', '5,5', '5 5', '1_0', '5;', '"5"', '0b1'],
  ...[
    '--5',
    '5-',
    'x5',
    '5 \t x',
    '5n',
    '5L',
    '05x',
    '0x',
    ',5',
    '5,',
    '(5)',
    '5%',
    '1,000',
    '00 5',
  ],
  // Spaces that are none in HTTP, which some functions take away.
  ...['5\v', '\v5', '5\f', '\f5', '5\x1c', '5\x85', '5\xa0', '\xa05', '\xc2\xa05', '5\xe2\x80\x83'],
  // Digits that are none in HTTP: superscript two, and five in other scripts.
  ...['\xb2', '\xc2\xb2', '\xd9\xa5', '\xef\xbc\x95', '\xef\xbb\xbf5'],
]

/** Every method that is registered with IANA, except HEAD, CONNECT, PRI and "*". */
export const METHODS = [
  ...['ACL', 'BASELINE-CONTROL', 'BIND', 'CHECKIN', 'CHECKOUT', 'COPY', 'DELETE', 'GET', 'LABEL'],
  ...['LINK', 'LOCK', 'MERGE', 'MKACTIVITY', 'MKCALENDAR', 'MKCOL', 'MKREDIRECTREF'],
  ...['MKWORKSPACE', 'MOVE', 'OPTIONS', 'ORDERPATCH', 'PATCH', 'POST', 'PROPFIND', 'PROPPATCH'],
  ...['PUT', 'REBIND', 'REPORT', 'SEARCH', 'TRACE', 'UNBIND', 'UNCHECKOUT', 'UNLINK'],
  ...['UNLOCK', 'UPDATE', 'UPDATEREDIRECTREF', 'VERSION-CONTROL'],
]

/** Headers that have the word close in their list. */
export const CLOSING = [
  ...['Connection:close', 'CONNECTION: CLOSE', 'Connection:\t close \t', 'Connection: TE,close'],
  ...['Connection: close, TE', 'Connection: a ,\tclose\t, b', 'Connection: keep-alive, close'],
  ...['Connection: close, keep-alive', 'Connection: ,,close', 'Connection: close,'],
  ...['Connection: keep-alive,\tclose', 'Connection:\tclose\t,TE', 'Connection: , ,\t,close, ,'],
  ...['Connection: closed, close', 'Connection: close, close', 'Connection: TE \t,\t Close'],
]
