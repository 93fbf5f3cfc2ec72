/**
 * What other protocols, shells and terminals take for a command or an end: to these exercises it is
 * bytes like any others.
 */
export const COMMANDS: readonly Uint8Array[] = [
  ...[
    'quit',
    'quit\n',
    'exit\r\n',
    'BYE',
    'close\n',
    'logout\n',
    'STOP',
    '.\r\n',
    '\n',
    '\r',
    '\0',
  ],
  // Control-C, D, Q, S and Z, escape, delete; the end of a text for some.
  ...['\x03', '\x04', '\x11', '\x13', '\x1a', '\x1b[A', '\x7f', '\0\0\0\0'],
  ...['\ufeff', '\u2028', 'GET / HTTP/1.1\r\n\r\n', '+++ATH\r', '\\q\n', '/quit\n', '%s%n'],
  // Telnet: interrupt, WILL, a subnegotiation that never ends; bytes that are no text.
  ...[
    [0xff, 0xf4, 0xff, 0xfd, 0x06],
    [0xff, 0xfb, 0x01],
    [0xff, 0xfa],
    [0xff],
    [0xc3],
    [0xed, 0xa0],
  ],
].map(one => (typeof one === 'string' ? Buffer.from(one) : Uint8Array.from(one)))
