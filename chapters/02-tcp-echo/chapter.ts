import type { Chapter } from '#lib/catalogue/types.ts'

export default {
  id: '02',
  title: 'TCP echo',
  promise: 'Write a TCP server that survives its clients, and know what each event and call means.',
  examples: [
    {
      name: 'echo',
      shows: 'Every byte comes back; half-close, resets and slow readers are handled.',
      transport: 'tcp',
      recorded: true,
      server: { file: 'echo/server.ts', greeting: 'hello', answer: 'hello' },
      client: { file: 'echo/client.ts', args: ['--message', 'hello'], mayWait: true },
    },
    {
      name: 'echo-naive',
      shows: 'The five-line echo server, and the two ways in which one client brings it down.',
      transport: 'tcp',
      server: { file: 'echo-naive/server.ts', ends: 'in a crash' },
      client: { file: 'echo-naive/client.ts' },
    },
    {
      name: 'chat',
      shows: 'One to many: a member who does not read is dropped and holds nobody up.',
      transport: 'tcp',
      server: {
        file: 'chat/server.ts',
        greeting: 'hello\n',
        answer: ': hello\n',
        answerComes: 'to other clients',
      },
      client: { file: 'chat/client.ts', mayWait: true, contentWith: 'any server' },
      demo: { file: 'chat/demo.ts' },
    },
    {
      name: 'graceful',
      shows: 'Shutdown with a deadline: begun work is finished, endless work is cut.',
      transport: 'tcp',
      server: {
        file: 'graceful/server.ts',
        args: ['--stop-after', '2', '--deadline-ms', '1000'],
        greeting: 'work 1\n',
        answer: 'done 1',
        ends: 'as its args say',
        abuse: { question: 'work 1\n' },
      },
      client: { file: 'graceful/client.ts', mayWait: true },
    },
    {
      name: 'buffers',
      shows: 'What write() says while nobody reads, and where the bytes wait meanwhile.',
      transport: 'tcp',
      server: { file: 'buffers/server.ts', abuse: { keeps: 1 } },
      client: { file: 'buffers/client.ts' },
    },
    {
      name: 'in-flight',
      shows: 'Which bytes survive a close, a close with unread input, and a reset.',
      transport: 'tcp',
      server: { file: 'in-flight/server.ts' },
      client: { file: 'in-flight/client.ts' },
    },
    {
      name: 'write-after-fin',
      shows: 'After the peer has closed, the first write succeeds and the second is EPIPE.',
      transport: 'tcp',
      recorded: true,
      server: { file: 'write-after-fin/server.ts' },
      client: { file: 'write-after-fin/client.ts', contentWith: 'any server' },
    },
  ],
  exercises: ['tcp-echo', 'back-pressure', 'chat-room'],
} satisfies Chapter
