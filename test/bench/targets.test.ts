import t from 'tap'

import { difference, figureOf, ratio } from './figures.js'
import { type Target, verdict } from './targets.js'

t.test('a figure is the median with its quartiles, in whatever order the values come', async (t) => {
  t.same(figureOf([9, 1, 3, 5, 7]), { median: 5, low: 3, high: 7 })
  t.same(figureOf([40, 10, 20, 30]), { median: 25, low: 17.5, high: 32.5 })
  t.same(figureOf([8]), { median: 8, low: 8, high: 8 })
  t.same(figureOf([]), { median: NaN, low: NaN, high: NaN })
})

t.test('ratios and differences compare the medians and cover the spread of both figures', async (t) => {
  const [some, other] = [{ median: 12, low: 10, high: 16 }, { median: 4, low: 2, high: 5 }]
  t.same(ratio(some, other), { median: 3, low: 2, high: 8 })
  t.same(difference(some, other), { median: 8, low: 5, high: 14 })
})

t.test('the median decides whether a target is met, and a bound within the spread is reported', async (t) => {
  const measured = { median: 1.1, low: 1, high: 1.2 }
  const judge = (bound: number, isLowerBound = false) => {
    const target: Target = { title: '', measured, bound, isLowerBound }
    return verdict(target)
  }
  t.equal(judge(1.3), 'met')
  t.equal(judge(1.15), 'met, within the spread')
  t.equal(judge(1.05), 'MISSED, within the spread')
  t.equal(judge(0.9), 'MISSED')
  t.equal(judge(0.9, true), 'met')
  t.equal(judge(1.05, true), 'met, within the spread')
  t.equal(judge(1.15, true), 'MISSED, within the spread')
  t.equal(judge(1.3, true), 'MISSED')
})
