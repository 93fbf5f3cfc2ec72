import type { Chapter } from '#lib/catalogue/types.ts'

export default {
  id: '01',
  title: 'The socket',
  promise: 'Know what a socket is, which one is which, and what it means when connecting fails.',
  examples: [
    {
      name: 'tcp',
      shows: 'One question, one answer: the smallest conversation over TCP.',
      transport: 'tcp',
      recorded: true,
      server: { file: 'tcp/server.ts', greeting: 'hello', answer: 'you are' },
      client: { file: 'tcp/client.ts', mayWait: true, contentWith: 'any server' },
    },
    {
      name: 'unix',
      shows: 'The same conversation through a Unix domain socket: a path in place of a port.',
      transport: 'unix',
      server: { file: 'unix/server.ts', greeting: 'hello', answer: 'you are' },
      client: { file: 'unix/client.ts' },
    },
    {
      name: 'addresses',
      shows: 'The five-tuple from both ends, who chose which port, and a port as bytes.',
      transport: 'tcp',
      server: { file: 'addresses/server.ts' },
      client: { file: 'addresses/client.ts', contentWith: 'any server' },
    },
    {
      name: 'errors',
      shows: 'What connect() and listen() fail with, and the cure for each.',
      transport: 'tcp',
      server: { file: 'errors/server.ts' },
      client: { file: 'errors/client.ts', contentWith: 'any server' },
    },
    {
      name: 'three-sockets',
      shows: 'A socket is a file, and one client with one server makes three of them.',
      transport: 'tcp',
      needs: 'linux',
      // It looks through the kernel's whole table for each client.
      server: { file: 'three-sockets/server.ts', answer: 'seen', abuse: { crowd: 10 } },
      client: { file: 'three-sockets/client.ts', contentWith: 'any server' },
    },
    {
      name: 'accept-queue',
      shows: 'The client is connected, and writes, long before the server accepts.',
      transport: 'tcp',
      server: {
        file: 'accept-queue/server.ts',
        greeting: 'hello',
        answer: 'here you are',
        quickArgs: ['--busy-ms', '0'],
      },
      client: { file: 'accept-queue/client.ts', mayWait: true, contentWith: 'any server' },
    },
    {
      name: 'backlog',
      shows: 'A backlog of 1 carries 500 connections; a full queue is silence, not an error.',
      transport: 'tcp',
      needs: 'linux',
      server: {
        file: 'backlog/server.ts',
        answer: 'accepted',
        quickArgs: ['--busy-ms', '1'],
        // With its queue of 1, most clients have to ask again after a second.
        abuse: { crowd: 10 },
      },
      client: { file: 'backlog/client.ts' },
    },
    {
      name: 'close-listener',
      shows: 'Closing the listener refuses new connections and leaves the accepted ones alone.',
      transport: 'tcp',
      recorded: true,
      server: { file: 'close-listener/server.ts', ends: 'with its first client' },
      client: { file: 'close-listener/client.ts' },
    },
  ],
  exercises: ['hello', 'five-tuple'],
} satisfies Chapter
