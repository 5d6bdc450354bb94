"""ImageJ's dialogs where there are no windows: they take their values from a macro's options."""

from __future__ import annotations

from typing import Any, Final

from fiji_bridge import jvm

PATCHER: Final = "net.imagej.patcher."

REFUSE: Final = (
    '{ ij.IJ.error("the option " + ij.Macro.trimKey($1) + "=" + text + " is not valid"); '
    'throw new RuntimeException("Macro canceled"); }'
)

NUMBER: Final = f"""{{
    String text = ij.Macro.getValue(ij.Macro.getOptions(), $1, null);
    if (text == null) return $2;
    double number = ij.util.Tools.parseDouble(text);
    ij.macro.Interpreter macro = ij.macro.Interpreter.getInstance();
    if (Double.isNaN(number) && macro != null)
        number = macro.getVariable2(text.startsWith("&") ? text.substring(1) : text);
    if (Double.isNaN(number) && !text.equals("NaN")) {REFUSE}
    return number;
}}"""

TEXT: Final = """{
    String text = ij.Macro.getValue(ij.Macro.getOptions(), $1, $2);
    ij.macro.Interpreter macro = ij.macro.Interpreter.getInstance();
    if (text == null || macro == null || !text.startsWith("&")) return text;
    String value = macro.getVariableAsString(text.substring(1));
    return value == null ? text : value;
}"""

CHOICE: Final = f"""{{
    String text = getMacroParameter($1, $3);
    int index = java.util.Arrays.asList($2).indexOf(text);
    if (index < 0 && ij.Macro.getValue(ij.Macro.getOptions(), $1, null) != null) {REFUSE}
    choiceIndices.add(Integer.valueOf(Math.max(index, 0)));
    choices.add($2[Math.max(index, 0)]);
}}"""

STRING: Final = "(Ljava/lang/String;"

BODIES: Final = {
    f"getMacroParameter{STRING}D)D": NUMBER,
    f"getMacroParameter{STRING}Ljava/lang/String;)Ljava/lang/String;": TEXT,
    f"addChoice{STRING}[Ljava/lang/String;Ljava/lang/String;)V": CHOICE,
    "addCheckboxGroup(II[Ljava/lang/String;[Z)V": """{
        for (int i = 0; i < $3.length; i++) if ($3[i] != null) addCheckbox($3[i], $4[i]);
    }""",
    f"addTextAreas{STRING}Ljava/lang/String;II)V": """{
        textArea1 = $1 == null ? null : ij.Macro.getValue(ij.Macro.getOptions(), "text1", "");
        textArea2 = $2 == null ? null : ij.Macro.getValue(ij.Macro.getOptions(), "text2", "");
    }""",
    f"addFileField{STRING}Ljava/lang/String;I)V": "{ addStringField($1, $2); }",
    f"addFileField{STRING}Ljava/lang/String;)V": "{ addStringField($1, $2); }",
    f"addDirectoryField{STRING}Ljava/lang/String;I)V": "{ addStringField($1, $2); }",
    f"addDirectoryField{STRING}Ljava/lang/String;)V": "{ addStringField($1, $2); }",
    f"addImageChoice{STRING}Ljava/lang/String;)V": "{ choices.add(getMacroParameter($1, $2)); }",
    "getNextImage()Lij/ImagePlus;": "{ return ij.WindowManager.getImage(getNextChoice()); }",
}
"""What the patcher's dialog lacks: it goes on with its defaults where it does not understand."""


HANDLERS: Final = (
    # A filter whose dialog fails runs all the same, with the values that it had last.
    (
        "ij.plugin.filter.PlugInFilterRunner",
        "<init>(java.lang.Object arg, java.lang.String command, java.lang.String options)",
        "java.lang.Exception", "throw $1;",
    ),
    # A macro goes on after a command that crashed.
    ("ij.Executer", "run()", "java.lang.Throwable", "ij.Macro.abort = true;"),
)  # fmt: skip
"""Where ImageJ catches what a macro should end at: class, method, exception, what is done first."""


def read_options() -> None:
    """Change ImageJ's dialogs as Fiji does when it runs headless: Java cannot even make one there.

    Before any class of ImageJ is loaded. A Fiji or ImageJ2 does it by itself.
    """
    if jvm.gateway() is not None:
        return
    # Not the patcher's own entrance: that changes much else for ImageJ2, for ten times as long.
    classes, pools = jvm.java("java.lang.ClassLoader"), jvm.java("javassist.ClassPool")
    loader, pool = classes.getSystemClassLoader(), pools(True)
    dialog = pool.get(f"{PATCHER}HeadlessGenericDialog")
    for method in dialog.getDeclaredMethods():
        body = BODIES.get(f"{method.getName()}{method.getSignature()}")
        if body is not None:
            method.setBody(body)
    dialog.toClass(loader, None)
    hacker = _make("CodeHacker", [classes, pools], loader, pool)
    _call(_make("LegacyHeadless", [type(hacker)], hacker), "patch")
    for handler in HANDLERS:
        _call(hacker, "insertAtTopOfExceptionHandlers", *handler)
    _call(hacker, "loadClasses")


def _make(name: str, kinds: list[Any], *arguments: Any) -> Any:
    cls = jvm.java("java.lang.Class").forName(f"{PATCHER}{name}")
    constructor = cls.getDeclaredConstructor(*(kind.class_ for kind in kinds))
    constructor.setAccessible(True)
    return constructor.newInstance(*arguments)


def _call(thing: Any, name: str, *texts: str) -> None:
    text = jvm.java("java.lang.String").class_
    method = thing.getClass().getDeclaredMethod(name, *[text] * len(texts))
    method.setAccessible(True)
    method.invoke(thing, *texts)
