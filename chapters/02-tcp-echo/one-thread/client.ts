/**
 * One thread, many sockets: two clients of each of three servers. Ben asks at once, Ann later.
 *
 *   npm run 02:one-thread:client
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { endpoint } from '#lib/program/endpoint.ts'
import {
  exitCannotConnect,
  exitLost,
  exitUnknown,
  exitWhenEnded,
  exitWhenSilent,
} from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const options = readOptions({
  command: 'npm run 02:one-thread:client',
  does: 'Asks three servers at once that serve two clients with one thread each.',
  flags: {
    host,
    port: { ...port(7027), min: 1 },
    'silent-ms': { default: 200, min: 1, max: 1500, help: 'how long Ann is silent' },
  },
})
const serverCommand = 'npm run 02:one-thread:server'
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

async function open(): Promise<Socket> {
  const socket = connect({ port: options.port, host: options.host })
  await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
  socket.setEncoding('utf8').on('error', error => exitLost(error, where))
  exitWhenEnded(socket, where, serverCommand)
  return exitWhenSilent(socket, where, serverCommand)
}

/** Asks, and returns the next piece that comes: short answers come whole, as long as luck lasts. */
async function ask(socket: Socket, question: string): Promise<string> {
  const answer = once(socket, 'data')
  socket.write(question)
  return (await answer)[0]
}

// #region client
for (const way of ['blocking', 'polling', 'event loop']) {
  // Ann comes first: a thread that waits for one after the other waits for her.
  const [ann, ben] = [await open(), await open()]
  if (way !== 'event loop') {
    // Both are handed over together, so the answers come when both have asked.
    const ready = await Promise.all([ask(ann, way), ask(ben, way)])
    if (ready.join() !== 'ready,ready') exitUnknown(where, serverCommand)
  }
  const start = performance.now()
  let silent = true
  const answered = ask(ben, 'Ben').then(answer => {
    return {
      answer,
      ms: performance.now() - start,
      when: silent ? 'while Ann was silent' : 'when Ann had spoken',
    }
  })
  // The thread that waits for Ann gets to Ben no sooner. The other two need nothing from her.
  const later = (way === 'blocking' ? delay(options['silent-ms']) : answered).then(() => {
    silent = false
    return ask(ann, 'Ann')
  })
  const { answer, ms, when } = await answered
  const [, times, name] = /^(?:asked (\d+) times in vain: )?(.*)$/.exec(answer) ?? []
  if (name !== 'Ben') exitUnknown(where, serverCommand)
  const cost = times === undefined ? '' : `, asked ${times} times in vain`
  console.log(`${way}: Ben was answered after ${ms.toFixed(1)} ms, ${when}${cost}`)
  await later
  for (const socket of [ann, ben]) socket.destroy()
}
// #endregion client
