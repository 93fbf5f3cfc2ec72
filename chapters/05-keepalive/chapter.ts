import type { Chapter } from '#lib/catalogue/types.ts'

export default {
  id: '05',
  title: 'Keepalive',
  promise: 'Keep a connection as long as it is of use, and notice when the other end has gone.',
  examples: [
    {
      name: 'tcp-keepalive',
      shows:
        'What setKeepAlive() really sets: under a second, nothing; and who hears of the probes.',
      transport: 'tcp',
      recorded: true,
      server: { file: 'tcp-keepalive/server.ts' },
      client: { file: 'tcp-keepalive/client.ts', contentWith: ['says nothing'] },
    },
    {
      name: 'heartbeat',
      shows: 'Pings of our own: a silent peer is noticed in 600 ms, a slow one is left in peace.',
      transport: 'tcp',
      server: { file: 'heartbeat/server.ts', greeting: '\0\x04ping', answer: '\0\x04pong' },
      client: { file: 'heartbeat/client.ts' },
    },
    {
      name: 'idle-timeout',
      shows:
        'setTimeout() only tells you: ask, end, cut; and a deadline against one byte a second.',
      transport: 'tcp',
      server: { file: 'idle-timeout/server.ts', greeting: 'hello\n', answer: 'hello\n' },
      client: { file: 'idle-timeout/client.ts', mayWait: true },
    },
    {
      name: 'http-keepalive',
      shows:
        'HTTP connections that stay open, by hand and by node:http: rules, cost, idle timeout.',
      transport: 'tcp',
      server: {
        file: 'http-keepalive/server.ts',
        greeting: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
        answer: '200 OK',
      },
      client: { file: 'http-keepalive/client.ts' },
    },
    {
      name: 'pipelining',
      shows:
        'Requests without waiting: handled side by side, answered in order, the slow one first.',
      transport: 'tcp',
      server: {
        file: 'pipelining/server.ts',
        greeting: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
        answer: '200',
      },
      client: { file: 'pipelining/client.ts' },
    },
    {
      name: 'closing-race',
      shows:
        'A request on a connection that the server is just closing: ECONNRESET, 502, and cures.',
      transport: 'tcp',
      server: {
        file: 'closing-race/server.ts',
        greeting: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
        answer: 'ok',
      },
      client: { file: 'closing-race/client.ts' },
    },
  ],
  exercises: ['heartbeat', 'http-keep-alive'],
} satisfies Chapter
