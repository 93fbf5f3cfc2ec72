import type { Chapter } from '#lib/catalogue/types.ts'

export default {
  id: '04',
  title: 'Sticky packets',
  promise: 'Cut a byte stream into messages, whichever way it arrives and whoever sends it.',
  examples: [
    {
      name: 'naive',
      shows: 'One data event taken for one message: five requests get one answer, one gets two.',
      transport: 'tcp',
      server: { file: 'naive/server.ts', greeting: 'hi', answer: 'HI' },
      client: { file: 'naive/client.ts', contentWith: ['sends garbage and ends'] },
    },
    {
      name: 'fixed-length',
      shows: 'Frames of 16 bytes each: simple, and every message pays for the longest.',
      transport: 'tcp',
      server: {
        file: 'fixed-length/server.ts',
        greeting: 'good morning ann',
        answer: 'GOOD MORNING ANN',
      },
      client: { file: 'fixed-length/client.ts' },
    },
    {
      name: 'length-prefix',
      shows: 'Each message behind its length: any bytes, no search, nothing to escape.',
      transport: 'tcp',
      server: { file: 'length-prefix/server.ts', greeting: '\0\0\0\x02hi', answer: '\0\0\0\x02HI' },
      client: { file: 'length-prefix/client.ts' },
    },
    {
      name: 'delimiter',
      shows: 'Each message ends with CRLF, and what happens when one contains CRLF.',
      transport: 'tcp',
      server: { file: 'delimiter/server.ts', greeting: 'hi\r\n', answer: 'HI\r\n' },
      client: { file: 'delimiter/client.ts' },
    },
    {
      name: 'lines',
      shows: 'Text lines as most text protocols have them: LF or CRLF, decoded after framing.',
      transport: 'tcp',
      server: { file: 'lines/server.ts', greeting: 'hi\r\n', answer: 'HI\n' },
      client: { file: 'lines/client.ts' },
    },
    {
      name: 'byte-stuffing',
      shows: 'SLIP: two bytes mark and escape, so that any bytes can travel between marks.',
      transport: 'tcp',
      server: { file: 'byte-stuffing/server.ts', greeting: 'hi\xc0', answer: '\xc0HI\xc0' },
      client: { file: 'byte-stuffing/client.ts' },
    },
    {
      name: 'nagle',
      shows: 'Many segments, one data event; and the 40 ms stall that no framing cures.',
      transport: 'tcp',
      server: { file: 'nagle/server.ts', greeting: '\x02hi', answer: 'event 1' },
      client: { file: 'nagle/client.ts' },
    },
    {
      name: 'split-utf8',
      shows: 'A chunk ends inside a character: how it breaks, and two ways to mend it.',
      transport: 'tcp',
      recorded: true,
      server: { file: 'split-utf8/server.ts', greeting: 'hi\n', answer: 'line by line  : "hi' },
      client: { file: 'split-utf8/client.ts' },
    },
    {
      name: 'oversize',
      shows: 'A forged length of 4 GiB meets a limit, and a decoder that has none.',
      transport: 'tcp',
      server: { file: 'oversize/server.ts', greeting: '\0\0\0\x02hi', answer: 'limited' },
      client: { file: 'oversize/client.ts' },
    },
  ],
  exercises: ['length-prefix', 'line-protocol', 'calculator', 'byte-stuffing'],
} satisfies Chapter
