"""What stands in a field by the name of its key: somebody's own words, or those of a form or a program."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W\d_]+")

_FORM = frozenset(
    # types, constants, placeholders
    "string str text varchar char nvarchar int integer number boolean bool true false null none nil undefined nan"
    " any object optional required field fields column value values default example sample test testing foo bar"
    " baz lorem unknown unnamed anonymous enter please invalid missing empty asc desc todo tbd self this class"
    " enum label key keys option options input output placeholder type types list array map date time array record"
    " params props http https"
    # what keys are called themselves
    " name names first last middle given family full surname forename lastname firstname vorname nachname"
    " familienname nom prénom prenom nombre apellido apellidos nome cognome sobrenome apelido naam voornaam"
    " achternaam username user street straße strasse rue calle straat rua city town stadt ort ville ciudad città"
    " stad cidade country state address adresse anschrift zip postal code phone telephone mobile email mail fax"
    " birth age gender sex title id url occupation job position company department customer client employee"
    " contact patient member account owner".split()
)
_PROGRAM = frozenset(
    # what programs, steps of a build and resources are called
    "and or not with without for from into to if the of in on by is are was as at action actions add admin agent"
    " analysis analyze app application apply archive artifact artifacts assert audit auto aws azure backend backup"
    " base binary bot browser bucket build builder builds bump cache changelog check checkout checks clean cleanup"
    " client cli cloud cluster code commit compile component config configure console container content control"
    " controller copy core coverage create cron dashboard data database debug delete dependabot dependencies"
    " dependency deploy deployment detect dev development docker docs documentation doctor download editor element"
    " engine environment error event execute export extension extract failure fetch file files filter fix folder"
    " format frontend function gateway generate get github gitlab global group handler health help home host http"
    " https image images import index info init initialize install installer instance integration interface"
    " internet item job jobs kernel language launch layer library license line link lint linter linux load local"
    " log logger logging login logs macos main manager matrix menu merge message method minimum model module"
    " monitor more native network new next node notify off open package packages page parse path perform pipeline"
    " platform plugin policy port prepare pre post print process production profile program project prometheus"
    " property protocol provider proxy public publish pull push pytest python query queue quick read redis"
    " reference registry release remote remove report repository request reset resolve resource response restore"
    " result results review role root router rule run runner runs rust save scan schedule schema script search"
    " secret security select send server service services session set setting settings setup shared show simple"
    " site size software source spec stage staging standard start startup static status step steps stop storage"
    " store style subnet submit summary support sync system tab table tag tags target task tasks template"
    " terraform tests theme token tool tools track trigger ubuntu unit update upgrade upload use users utility"
    " utils validate variable verify version view vpc warning web website widget windows wizard workflow workspace"
    " wrapper write yaml"
    " apache countries enterprise hat hello world".split()
)
_OPENERS = frozenset(
    # what sentences begin with, and no name of a person
    "the this that these those there here it its if when while where what which who whose why because although though"
    " however therefore otherwise unlike since until unless with without from for of by and but we they your our their"
    " please sure certainly thanks thank sorry hello okay yes also thus".split()
)
NO_PERSON = _FORM | _PROGRAM | _OPENERS
"""Words with which `own_words` lets no value begin."""
NO_COMPANY = _OPENERS | frozenset("in on at as to or an my he she you is are was not no so".split())
"""Words with which `named` lets no value begin: more than for people, of whom some are called In or He."""


def own_words(text: str) -> bool:
    """No placeholder, no type, no label, no step of a build, and no beginning of a sentence."""
    words = _WORD.findall(text.lower())
    return bool(words) and words[0] not in NO_PERSON and not any(word in _FORM or word in _PROGRAM for word in words)


def named(text: str) -> bool:
    """A name of a company or a street, not the beginning of a sentence that leads to one."""
    return not any(word in NO_COMPANY for word in _WORD.findall(text.lower())[:1])


def own_title(text: str) -> bool:
    """As own_words, of what may have their words in it: an occupation (controller), a town (New Port), a street."""
    words = _WORD.findall(text.lower())
    return words[:1] != ["import"] and not all(word in _FORM for word in words)
