import type { Chapter } from '#lib/catalogue/types.ts'

export default {
  id: '03',
  title: 'UDP',
  promise: 'Send datagrams, know what becomes of them, and know what UDP will never tell you.',
  examples: [
    {
      name: 'echo',
      shows: 'One socket, no connection: every datagram carries its sender, and goes back there.',
      transport: 'udp',
      recorded: true,
      server: { file: 'echo/server.ts', greeting: 'hello', answer: 'hello' },
      client: {
        file: 'echo/client.ts',
        args: ['--message', 'hello'],
        contentWith: ['echoes it', 'answers with garbage'],
      },
    },
    {
      name: 'boundaries',
      shows: 'Five sends are five messages, an empty one among them.',
      transport: 'udp',
      server: { file: 'boundaries/server.ts', greeting: 'hello', answer: ': 5 bytes' },
      client: { file: 'boundaries/client.ts' },
    },
    {
      name: 'loss',
      shows: 'Every send succeeds, most datagrams are lost, and only the kernel has counted them.',
      transport: 'udp',
      server: { file: 'loss/server.ts', greeting: 'report', answer: 'received ' },
      client: { file: 'loss/client.ts' },
    },
    {
      name: 'connected',
      shows: 'What connect() is good for without a connection: errors arrive, strangers do not.',
      transport: 'udp',
      server: {
        file: 'connected/server.ts',
        greeting: 'hello',
        answer: 'from the port you wrote to',
      },
      client: { file: 'connected/client.ts' },
    },
    {
      name: 'size',
      shows: 'The largest datagram, the error one byte later, and the price of fragments.',
      transport: 'udp',
      server: {
        file: 'size/server.ts',
        greeting: 'hello',
        answer: '5 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
      },
      client: { file: 'size/client.ts' },
    },
    {
      name: 'one-to-many',
      shows: 'One datagram heard by three: broadcast, which needs permission, and multicast.',
      transport: 'udp',
      needs: 'linux',
      server: { file: 'one-to-many/server.ts', greeting: 'hello', answer: 'the server by unicast' },
      client: { file: 'one-to-many/client.ts' },
    },
    {
      name: 'dns',
      shows:
        'A name server by hand: a question over UDP, and over TCP when the answer is too long.',
      transport: 'udp',
      alsoOverTcp: true,
      server: {
        file: 'dns/server.ts',
        // A query for the root, type A, with the id "hi": not our zone, so refused.
        greeting: 'hi\0\0\0\x01\0\0\0\0\0\0\0\0\x01\0\x01',
        answer: 'hi',
      },
      client: { file: 'dns/client.ts' },
    },
  ],
  exercises: ['udp-echo', 'count-loss', 'dns-answer'],
} satisfies Chapter
