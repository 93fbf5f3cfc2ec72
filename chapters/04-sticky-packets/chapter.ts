import type { Chapter } from '../../lib/catalogue/types.ts'

export default {
  id: '04',
  title: 'Sticky packets',
  promise: 'Cut a byte stream into messages, whichever way it arrives and whoever sends it.',
  examples: [
    {
      name: 'naive',
      shows: 'One data event taken for one message: five requests get one answer, one gets two.',
      transport: 'tcp',
      server: { file: 'naive/server.ts' },
      client: { file: 'naive/client.ts' },
    },
    {
      name: 'fixed-length',
      shows: 'Frames of 16 bytes each: simple, and every message pays for the longest.',
      transport: 'tcp',
      server: { file: 'fixed-length/server.ts' },
      client: { file: 'fixed-length/client.ts' },
    },
    {
      name: 'length-prefix',
      shows: 'Each message behind its length: any bytes, no search, nothing to escape.',
      transport: 'tcp',
      server: { file: 'length-prefix/server.ts' },
      client: { file: 'length-prefix/client.ts' },
    },
    {
      name: 'delimiter',
      shows: 'Each message ends with CRLF, and what happens when one contains CRLF.',
      transport: 'tcp',
      server: { file: 'delimiter/server.ts' },
      client: { file: 'delimiter/client.ts' },
    },
    {
      name: 'lines',
      shows: 'Text lines as most text protocols have them: LF or CRLF, decoded after framing.',
      transport: 'tcp',
      server: { file: 'lines/server.ts' },
      client: { file: 'lines/client.ts' },
    },
    {
      name: 'byte-stuffing',
      shows: 'SLIP: two bytes mark and escape, so that any bytes can travel between marks.',
      transport: 'tcp',
      server: { file: 'byte-stuffing/server.ts' },
      client: { file: 'byte-stuffing/client.ts' },
    },
    {
      name: 'nagle',
      shows: 'Many segments, one data event; and the 40 ms stall that no framing cures.',
      transport: 'tcp',
      server: { file: 'nagle/server.ts' },
      client: { file: 'nagle/client.ts' },
    },
    {
      name: 'split-utf8',
      shows: 'A chunk ends inside a character: how it breaks, and two ways to mend it.',
      transport: 'tcp',
      recorded: true,
      server: { file: 'split-utf8/server.ts' },
      client: { file: 'split-utf8/client.ts' },
    },
    {
      name: 'oversize',
      shows: 'A forged length of 4 GiB meets a limit, and a decoder that has none.',
      transport: 'tcp',
      server: { file: 'oversize/server.ts' },
      client: { file: 'oversize/client.ts' },
    },
  ],
  exercises: ['length-prefix', 'line-protocol', 'calculator', 'byte-stuffing'],
} satisfies Chapter
