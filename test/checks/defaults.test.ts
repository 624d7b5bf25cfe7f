import Type from 'typebox';
import { expect, test } from 'vitest';
import { OptionalFields, withDefaults } from '../../src/checks/index.js';

const Inner = OptionalFields({ size: Type.Integer({ default: 3 }), name: Type.String() });
const Schema = OptionalFields({
  plain: Type.Boolean({ default: false }),
  open: Type.Integer(),
  filled: OptionalFields({ size: Type.Integer({ default: 3 }) }, { default: {} }),
  asked: Inner,
  named: Type.Record(Type.String(), Inner, { default: {} }),
  either: Type.Union([Type.Literal(false), Inner]),
});

test('fields that are left out get their defaults, at every depth, and optional objects only where they are given', () => {
  expect(withDefaults(Schema, {})).toEqual({ plain: false, filled: { size: 3 }, named: {} });
  expect(withDefaults(Schema, { asked: {}, named: { a: {}, b: { size: 1 } }, either: { name: 'x' } })).toEqual({
    plain: false,
    filled: { size: 3 },
    asked: { size: 3 },
    named: { a: { size: 3 }, b: { size: 1 } },
    either: { size: 3, name: 'x' },
  });
});

test('what is given stays, false and 0 too, and nothing is changed in place', () => {
  const given = { plain: true, filled: { size: 0 }, either: false };
  const before = structuredClone(given);
  expect(withDefaults(Schema, given)).toEqual({ ...given, named: {} });
  expect(given).toEqual(before);
});
