/** What a program in another process can do: talk, answer, crash. */
import { experiment } from '#lib/textbook/experiment.ts'

export default experiment({
  title: 'talk with programs in other processes',
  needs: [],
  claims: [],
  async run(lab) {
    const echo = lab.start(
      async (channel, { greeting }: { greeting: string }) => {
        channel.send('hello', greeting)
        for (;;) channel.send('echo', await channel.receive('say'))
      },
      { greeting: 'hi' },
    )
    const hello = await echo.message('hello')
    echo.send('say', 1)
    echo.send('say', 2)
    const echoes = [(await echo.message('echo')).value, (await echo.message('echo')).value]
    const crash = lab.start(() => {
      throw new TypeError('broken on purpose')
    }, {})
    const said = await crash.message('anything').catch((error: Error) => error.message)
    return {
      hello: hello.value,
      sameClock: Math.abs(Number(process.hrtime.bigint()) - hello.tNs) < 60e9,
      echoes,
      said,
      isPrivate: lab.isPrivate,
      pid: process.pid,
    }
  },
})
